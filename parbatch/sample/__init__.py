"""The built-in job: a brief for each of the 252 countries and territories, and an overview of them all."""

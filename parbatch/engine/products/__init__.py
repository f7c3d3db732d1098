"""What is made of all outcomes once they are there: the overview and the merged file."""

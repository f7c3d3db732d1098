"""`report.html`: one page that holds everything, with drawings and a table. `report` writes it."""

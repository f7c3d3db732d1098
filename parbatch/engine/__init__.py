"""A run: its parts in order, each planned and rendered, and one result of all.

Called by the command line and by Python code. It may use every other room; it knows neither options as typed nor SQL.
"""

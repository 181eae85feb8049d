"""Turns descriptions of a grid's results into a page, charts and tables; knows no kind of task."""

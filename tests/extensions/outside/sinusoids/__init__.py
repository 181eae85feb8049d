"""Regression of sinusoids from a few points, as a kind of task of its own."""

"""Metrics with confidence intervals, as plain numbers."""

"""Runs as data: their index, details, starts, labels, comparison, logs and recurring runs."""

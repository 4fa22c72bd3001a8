"""Housekeeping: what the engine keeps, for how long, and how the rest goes."""

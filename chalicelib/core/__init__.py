"""Decides. Pure: no clock, environment, I/O, AWS or HTTP may enter."""

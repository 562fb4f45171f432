"""Measurements: what takes how long, beside what it is compared with, in one run."""

"""Tests of the house: make, the embedded engine, the command line, what is shipped."""

"""Tests of what the store remembers and how it speaks, on moto in process and single-threaded."""

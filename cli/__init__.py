"""Doors for developers: `python -m cli`. Never in the zip that goes to Lambda."""

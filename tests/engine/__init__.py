"""Tests of what runs at once, over HTTP, on an engine whose transactions are isolated."""

"""A real browser for tests of pages: fetched once, run without a window, driven over a pipe."""

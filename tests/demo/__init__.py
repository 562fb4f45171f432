"""Tests of the demo storefront, clicked through in a real browser on a whole service."""

"""Tests of the rules: plain functions and values, no store and no clock."""

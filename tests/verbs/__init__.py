"""Tests of the verbs: what they do, what they refuse, what they cost, and their replays."""

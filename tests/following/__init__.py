"""Tests of following changes, from the order of a key to a whole cut-over."""

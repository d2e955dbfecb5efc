"""Tests that hold every engine to the same contract, and each to its own promises."""

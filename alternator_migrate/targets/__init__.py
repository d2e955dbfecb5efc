"""Targets: where items are written to."""

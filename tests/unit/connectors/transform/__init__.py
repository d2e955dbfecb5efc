"""Unit tests of transforms."""

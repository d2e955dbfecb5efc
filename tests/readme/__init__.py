"""Tests that hold the README to the tool."""

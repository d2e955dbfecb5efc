"""Tests that hold the README and the pages of `alternator-migrate help` to the tool."""

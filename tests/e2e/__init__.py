"""Whole migrations between servers, by the command line or in the test's own process."""

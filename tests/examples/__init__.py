"""The examples and the compose file: they load, and name only what the command line has."""

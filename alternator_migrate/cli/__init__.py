"""Commands, options, terminal output, exit codes."""

from alternator_migrate.cli.main import main

__all__ = ["main"]

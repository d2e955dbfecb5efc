"""`python -m alternator_migrate`: the same as the command `alternator-migrate`."""

from alternator_migrate.cli import main

main()

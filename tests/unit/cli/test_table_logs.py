"""Log lines of a run of many tables."""

import logging
from collections.abc import Iterator

import pytest

from alternator_migrate.cli.table_logs import OfTables
from alternator_migrate.core.current import TABLE


@pytest.fixture
def lines() -> Iterator[list[str]]:
    """What two handlers with one filter print of a logger."""
    found: list[str] = []

    class Kept(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            found.append(record.getMessage())

    logger, of_tables = logging.getLogger("alternator_migrate.of_tables"), OfTables()
    handlers = [Kept(), Kept()]
    for handler in handlers:
        handler.addFilter(of_tables)
        logger.addHandler(handler)
    logger.setLevel("INFO")
    yield found
    for handler in handlers:
        logger.removeHandler(handler)


def say(table: str, words: str) -> None:
    token = TABLE.set(table)
    logging.getLogger("alternator_migrate.of_tables").info("%s", words)
    TABLE.reset(token)


def test_a_line_names_its_table_and_the_same_note_is_told_once(lines: list[str]) -> None:
    say("", "4 tables")
    say("Orders", "note: RF is 1")
    say("Users", "note: RF is 1")
    say("Users", "going on")
    say("Orders", "going on")
    told = ["4 tables", "Orders: note: RF is 1", "Users: going on", "Orders: going on"]
    assert lines == [line for line in told for _ in range(2)]

"""Log lines of a run of many tables: each is told with its table, and what all say alike once."""

import logging

from alternator_migrate.core.current import TABLE

_ALIKE = ("note: ", "warning: ", "pace: ")


class OfTables(logging.Filter):
    """Puts the name of its table before a line, and drops a note or a warning that another table
    has said in the same words; lines of a run of one table stay as they are."""

    def __init__(self) -> None:
        super().__init__()
        self._said: set[str] = set()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is told; changes its words."""
        table = TABLE.get()
        if not table or hasattr(record, "of_table"):
            return True
        words = record.getMessage()
        if words.startswith(_ALIKE):
            if words in self._said:
                return False
            self._said.add(words)
        record.msg, record.args, record.of_table = f"{table}: {words}", (), table
        return True

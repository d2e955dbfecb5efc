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
        """Whether the record is told, the same for every handler; changes its words."""
        table, told = TABLE.get(), getattr(record, "is_told", None)
        if not table or told is not None:
            return told is not False
        words = record.getMessage()
        alike = words.startswith(_ALIKE)
        is_told = not (alike and words in self._said)
        if alike:
            self._said.add(words)
        record.__dict__.update(msg=f"{table}: {words}", args=(), table=table, is_told=is_told)
        return is_told

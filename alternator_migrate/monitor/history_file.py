"""The history of a run on disk, beside its savepoints, so that a resumed run goes on with it."""

import json
from pathlib import Path

from alternator_migrate.core import durable
from alternator_migrate.monitor.history import History


class HistoryFile:
    """The history of one piece of work in a savepoints folder."""

    def __init__(self, folder: Path, work: str) -> None:
        self.path = folder / f"history_{work}.json"

    def read(self) -> History:
        """The history that is there; an empty one where there is none that can be read: plots are
        no reason for a run not to begin."""
        try:
            return History.of_plain(json.loads(self.path.read_bytes()))
        except (OSError, ValueError):
            return History()

    def write(self, history: History) -> None:
        """Put `history` there, whole. Raises `OSError`."""
        durable.replace_file(self.path, json.dumps(history.plain()).encode())

"""The run file: which tables a run of many moves, fixed at its first start, and how each stands.

It lies beside the folders of the tables' savepoints, which alone say where each goes on.
"""

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from alternator_migrate.core.durable import private_folder, replace_file
from alternator_migrate.core.errors import MigrateError, UsageError
from alternator_migrate.core.state import Status

_FORMAT: Final = 1


@dataclass(frozen=True, slots=True)
class TableEntry:
    """One table of a run, and why it stands as it does."""

    source: str
    target: str
    status: Status = Status.WAITING
    reason: str = ""


@dataclass(frozen=True, slots=True)
class RunRecord:
    """What a run file says: the run's identity, the digest of what chose its tables, and these."""

    run: str
    selection: str
    tables: tuple[TableEntry, ...]
    written: float = 0.0

    def having(self, entries: Iterable[TableEntry]) -> "RunRecord":
        """The same with newer entries of some of its tables."""
        newer = {entry.source: entry for entry in entries}
        return replace(self, tables=tuple(newer.get(each.source, each) for each in self.tables))


class RunFile:
    """The run file of one run in the folder of its tables' folders."""

    def __init__(self, folder: Path, run: str) -> None:
        self.path = folder / f"tables_{run}.json"
        self.run = run

    def read(self) -> RunRecord | None:
        """What it says; None where there is none. Raises `UsageError` for a damaged one."""
        try:
            text = self.path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise UsageError(f"cannot read {self.path}: {error.strerror}") from error
        try:
            return _record(json.loads(text), self.run)
        except (ValueError, LookupError, TypeError) as error:
            raise UsageError(
                f"the run file {self.path} cannot be read: {error}",
                "Put it right, or begin the run anew with --fresh.",
            ) from error

    def write(self, record: RunRecord) -> None:
        """Write it whole and durably. Raises `MigrateError` where the disk does not take it."""
        text = json.dumps(_plain(replace(record, written=time.time())), indent=1) + "\n"
        try:
            private_folder(self.path.parent)
            replace_file(self.path, text.encode())
        except OSError as error:
            raise MigrateError(
                f"cannot write the run file in {self.path.parent}: {error.strerror}",
                "Set savepoints.path to a folder with room that this user may write.",
            ) from error


def _plain(record: RunRecord) -> Mapping[str, Any]:
    tables = [
        {
            "source": each.source,
            "target": each.target,
            "state": each.status,
            "reason": each.reason or None,
        }
        for each in record.tables
    ]
    head = {"format": _FORMAT, "run": record.run, "selection": record.selection}
    return {**head, "written": record.written, "tables": tables}


def _record(plain: Mapping[str, Any], run: str) -> RunRecord:
    """What a run file of `run` says. Raises `ValueError`, `LookupError` or `TypeError`."""
    if plain["format"] != _FORMAT:
        raise ValueError(f"it has the format {plain['format']}, and this version reads {_FORMAT}")
    if plain["run"] != run:
        raise ValueError("it is of another run")
    tables: Sequence[Mapping[str, Any]] = plain["tables"]
    entries = tuple(
        TableEntry(
            str(each["source"]),
            str(each["target"]),
            Status(each["state"]),
            str(each["reason"] or ""),
        )
        for each in tables
    )
    return RunRecord(run, str(plain["selection"]), entries, float(plain["written"]))

"""The run file: which tables a run of many moves, fixed at its first start, and how each stands.

It lies beside the folders of the tables' savepoints, which alone say where each goes on.
"""

import json
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from alternator_migrate.core.errors import MigrateError, UsageError
from alternator_migrate.core.state import Status
from alternator_migrate.savepoints.format import Savepoint
from alternator_migrate.savepoints.place import Located, Place
from alternator_migrate.savepoints.store import place_at

_FORMAT: Final = 1


@dataclass(frozen=True, slots=True)
class TableEntry:
    """One table of a run, and why it stands as it does. `fresh_since` is when a run that begins it
    anew began (epoch seconds; 0: none has, or it is done): older savepoints do not count.
    `into_existing` says whether that run accepts a target that holds items."""

    source: str
    target: str
    status: Status = Status.WAITING
    reason: str = ""
    fresh_since: float = 0.0
    into_existing: bool = False

    def counts(self, savepoint: Savepoint) -> bool:
        """Whether it tells of the table still, and is not of a copy that is being made anew."""
        return savepoint.written >= self.fresh_since


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
    """The run file of one run, in the place below which are those of its tables: `folder`, or the
    path of one."""

    def __init__(self, folder: Path | Place, run: str) -> None:
        self.place = place_at(folder)
        self.run = run
        self._name = f"tables_{run}.json"

    @property
    def path(self) -> Located:
        """Where it is."""
        return self.place.where(self._name)

    def read(self) -> RunRecord | None:
        """What it says; None where there is none. Raises `UsageError` for a damaged one."""
        try:
            text = self.place.read(self._name)
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

    def tables(self) -> list[TableEntry]:
        """The tables of the run and of its parts, each once. Raises as `read` does."""
        named = re.compile(rf"tables_({self.run}(?:-.+)?)\.json")
        there = map(named.fullmatch, sorted(self.place.names(f"tables_{self.run}")))
        records = [RunFile(self.place, name[1]).read() for name in there if name]
        entries = [entry for record in records if record for entry in record.tables]
        return [*{entry.source: entry for entry in entries}.values()]

    def write(self, record: RunRecord) -> None:
        """Write it whole and durably. Raises `MigrateError` where the disk does not take it."""
        text = json.dumps(_plain(replace(record, written=time.time())), indent=1) + "\n"
        try:
            self.place.replace(self._name, text.encode())
        except OSError as error:
            raise MigrateError(
                f"cannot write the run file in {self.place}: {error.strerror}",
                "Set savepoints.path to a folder with room that this user may write.",
            ) from error


def _plain(record: RunRecord) -> Mapping[str, Any]:
    tables = [
        {
            "source": each.source,
            "target": each.target,
            "state": each.status,
            "reason": each.reason or None,
            "freshSince": each.fresh_since or None,
            "intoExisting": each.into_existing,
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
            float(each.get("freshSince") or 0),
            each.get("intoExisting") is True,
        )
        for each in tables
    )
    return RunRecord(run, str(plain["selection"]), entries, float(plain["written"]))

"""The run file of many tables."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from alternator_migrate.core.errors import MigrateError, UsageError
from alternator_migrate.core.state import Status
from alternator_migrate.savepoints import RunFile, RunRecord, TableEntry
from tests.support.savepoints import path_of

ENTRIES = (
    TableEntry("Orders", "orders_v2", Status.COMPLETED),
    TableEntry("Users", "Users", Status.FAILED, "it is gone"),
    TableEntry("Zoo", "Zoo"),
)
ANEW = TableEntry("Anew", "Anew", fresh_since=1790000000.5, into_existing=True)
RECORD = RunRecord("0123456789abcdef", "digest", ENTRIES)
FORMAT_1 = """\
{"format": 1, "run": "0123456789abcdef", "selection": "digest", "written": 1790000000.5,
 "tables": [
  {"source": "Orders", "target": "orders_v2", "state": "completed", "reason": null},
  {"source": "Users", "target": "Users", "state": "failed", "reason": "it is gone"},
  {"source": "Zoo", "target": "Zoo", "state": "waiting", "reason": null}]}
"""


def test_what_is_written_is_read(tmp_path: Path) -> None:
    file = RunFile(tmp_path / "new" / "folder", RECORD.run)
    assert file.read() is None
    file.write(replace(RECORD, tables=(*ENTRIES, ANEW)))
    read = file.read()
    assert read
    assert (read.run, read.selection, read.tables) == (RECORD.run, "digest", (*ENTRIES, ANEW))
    assert read.written > 0
    path = path_of(file.path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_the_first_format_can_be_read(tmp_path: Path) -> None:
    file = RunFile(tmp_path, RECORD.run)
    path_of(file.path).write_text(FORMAT_1)
    read = file.read()
    assert read
    assert read.tables == ENTRIES


def test_newer_entries_take_the_place_of_older_ones() -> None:
    newer = TableEntry("Users", "Users", Status.RUNNING)
    assert RECORD.having([newer]).tables == (ENTRIES[0], newer, ENTRIES[2])


@pytest.mark.parametrize(
    "text",
    [
        "", "{", "[]", "{}", "\xff",
        FORMAT_1.replace("1,", "2,", 1),
        FORMAT_1.replace("0123456789abcdef", "fedcba9876543210"),
        FORMAT_1.replace('"failed"', '"lost"'),
        json.dumps({**json.loads(FORMAT_1), "tables": 5}),
    ],
)  # fmt: skip
def test_a_damaged_one_is_told_and_nothing_is_guessed(tmp_path: Path, text: str) -> None:
    file = RunFile(tmp_path, RECORD.run)
    path_of(file.path).write_text(text, encoding="latin-1")
    with pytest.raises(UsageError, match=r"the run file .* cannot be read"):
        file.read()


def test_a_disk_that_does_not_take_it(tmp_path: Path) -> None:
    (tmp_path / "in the way").write_text("")
    with pytest.raises(MigrateError, match="cannot write the run file"):
        RunFile(tmp_path / "in the way", RECORD.run).write(RECORD)

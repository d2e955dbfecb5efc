"""The findings file: its lines, its privacy, and going on with it."""

import json
import stat
from pathlib import Path

import pytest

from alternator_migrate.core.errors import MigrateError
from alternator_migrate.core.model import Difference
from alternator_migrate.savepoints.local import LocalFolder
from alternator_migrate.validate.findings_file import FindingsFile, new_file
from tests.support.savepoints import files_of_at_most

KEY = b'{"pk": {"S": "a"}}'
MISSING = Difference("missing", KEY, source=b'{"pk":{"S":"a"},\n"x":{"S":"private"}}')
DIFFERENT = Difference("different", KEY, ("n", "x"), repaired=True)
REFUSED = Difference("missing", KEY, refused="ValidationException: no")


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_line_tells_a_finding(tmp_path: Path) -> None:
    file = FindingsFile(tmp_path / "new" / "findings_1.jsonl")
    assert [*file.first(5)] == []
    file.keep([MISSING, DIFFERENT])
    file.keep([REFUSED])
    key = {"pk": {"S": "a"}}
    item = {"pk": {"S": "a"}, "x": {"S": "private"}}
    assert lines(file.path) == [
        {"kind": "missing", "key": key, "attributes": [], "repaired": False, "source": item},
        {"kind": "different", "key": key, "attributes": ["n", "x"], "repaired": True},
        {
            **{"kind": "missing", "key": key, "attributes": [], "repaired": False},
            "refused": "ValidationException: no",
        },
    ]
    assert file.size == file.path.stat().st_size
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    told = [*file.first(2)]
    assert told == [
        'missing   {"pk":{"S":"a"}}',
        'different {"pk":{"S":"a"}}: n, x (repaired)',
    ]
    assert [*file.first(9)][2].endswith("(repair refused: ValidationException: no)")


def test_nothing_found_leaves_no_file(tmp_path: Path) -> None:
    file = FindingsFile(Path(new_file(LocalFolder(tmp_path))))
    file.sync()
    file.end()
    assert not [*tmp_path.iterdir()]


def test_validations_that_begin_at_once_have_files_of_their_own(
    tmp_path: Path, frozen_clock: int
) -> None:
    place = LocalFolder(tmp_path)
    first, second = (FindingsFile(Path(new_file(place))) for _ in range(2))
    first.keep([MISSING])
    second.sync()
    second.keep([DIFFERENT])
    second.end()
    assert [line["kind"] for path in (first.path, second.path) for line in lines(path)] == [
        "missing",
        "different",
    ]
    assert first.path.name == f"findings_{frozen_clock}.jsonl"


def test_what_came_after_the_savepoint_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "findings_1.jsonl"
    before = FindingsFile(path)
    before.keep([MISSING])
    kept = before.size
    before.keep([DIFFERENT])
    after = FindingsFile(path, kept)
    after.sync()
    assert path.stat().st_size == kept
    after.keep([REFUSED])
    assert [line["kind"] for line in lines(path)] == ["missing", "missing"]
    FindingsFile(path, 0).sync()
    assert path.read_bytes() == b""


def test_a_file_that_is_gone_is_begun_again(tmp_path: Path) -> None:
    file = FindingsFile(tmp_path / "findings_1.jsonl", 1000)
    file.keep([DIFFERENT])
    assert len(lines(file.path)) == 1


def test_a_full_disk_is_told(tmp_path: Path) -> None:
    file = FindingsFile(tmp_path / "findings_1.jsonl")
    with files_of_at_most(10), pytest.raises(MigrateError, match=r"cannot keep findings in .*"):
        file.keep([MISSING])
    assert file.path.read_bytes() == b"", "no line is half written"

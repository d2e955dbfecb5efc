"""The file of rejected items."""

import json
import re
import stat
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alternator_migrate.connectors.rejects_file import RejectsFile
from alternator_migrate.core.errors import MigrateError, TooManyRejects
from alternator_migrate.core.model import Change, Reject
from tests.servers.client import Item
from tests.support.savepoints import files_of_at_most
from tests.support.spelling import items, spelled

TEXT = st.characters(exclude_categories=["Cs"])
ITEM = b'{"id":{"S":"a"},"at":{"N":"1.50"},"note":{"S":"x"}}'


def reject(item: bytes = ITEM, message: str = "empty set") -> Reject:
    """An item that the target refused."""
    return Reject(item, "ValidationException", message)


def named(name: str, message: str = "empty set") -> Reject:
    """A refused item of that key."""
    return reject(b'{"id":{"S":"%b"}}' % name.encode(), message)


def written(file: RejectsFile) -> list[str]:
    """The lines of the file."""
    assert file.path
    text = Path(file.path).read_bytes().decode()
    assert text.endswith("\n")
    return text[:-1].split("\n")


def test_there_is_no_file_before_the_first_reject(tmp_path: Path) -> None:
    file = RejectsFile(tmp_path / "savepoints", ["id"], 5)
    assert file.path is None
    assert not (tmp_path / "savepoints").exists()


def test_a_line_is_key_error_message_and_the_item_as_it_came(tmp_path: Path) -> None:
    file = RejectsFile(tmp_path / "a" / "b", ["id", "at"], 5)
    file.keep([reject()])
    assert written(file) == [
        '{"key":{"id":{"S":"a"},"at":{"N":"1.50"}},"error":"ValidationException",'
        f'"message":"empty set","item":{ITEM.decode()}}}'
    ]
    assert file.path
    assert Path(file.path).parent == tmp_path / "a" / "b"
    assert re.fullmatch(r"rejects_\d{13}\.jsonl", Path(file.path).name)


def test_all_rejects_of_a_run_are_in_one_file_that_only_its_owner_reads(tmp_path: Path) -> None:
    file = RejectsFile(tmp_path, ["id"], 100)
    for number in range(5):
        first, second = f"first {number}", f"second {number}"
        file.keep([named(first, first), named(second, second)])
    assert [path.name for path in tmp_path.iterdir()] == [Path(file.path).name if file.path else ""]
    messages = [json.loads(line)["message"] for line in written(file)]
    assert messages == [f"{which} {n}" for n in range(5) for which in ("first", "second")]
    assert file.path
    assert stat.S_IMODE(Path(file.path).stat().st_mode) == 0o600


def test_runs_that_begin_to_refuse_at_once_have_files_of_their_own(
    tmp_path: Path, frozen_clock: int
) -> None:
    """Shards, and other migrations in one folder."""
    files = [RejectsFile(tmp_path, ["id"], 5) for _ in range(3)]
    for number, file in enumerate(files):
        file.keep([named(f"{number}")])
    for number, file in enumerate(files):
        file.keep([named(f"{number} more")])
    keys = [[json.loads(line)["key"]["id"]["S"] for line in written(file)] for file in files]
    assert keys == [["0", "0 more"], ["1", "1 more"], ["2", "2 more"]]
    assert {Path(file.path or "").name for file in files} == {
        f"rejects_{frozen_clock + number}.jsonl" for number in range(3)
    }


@pytest.mark.parametrize("allowed", [0, 1, 3])
def test_one_more_than_allowed_ends_the_run_but_is_kept(tmp_path: Path, allowed: int) -> None:
    file = RejectsFile(tmp_path, ["id"], allowed)
    for number in range(allowed):
        file.keep([named(str(number))])
    with pytest.raises(TooManyRejects) as raised:
        file.keep([reject(message="the last straw")])
    assert len(written(file)) == allowed + 1
    assert '{"id":{"S":"a"}}' in str(raised.value)
    assert "ValidationException: the last straw" in str(raised.value)
    assert str(file.path) in raised.value.hint and "maxRejects" in raised.value.hint
    assert raised.value.exit_code == 1


def test_all_rejects_of_a_batch_are_kept_though_the_first_is_one_too_many(tmp_path: Path) -> None:
    file = RejectsFile(tmp_path, ["id"], 0)
    with pytest.raises(TooManyRejects):
        file.keep([named("a"), named("b"), named("c")])
    assert len(written(file)) == 3


def test_an_item_that_the_source_spread_over_lines_is_one_line(tmp_path: Path) -> None:
    file = RejectsFile(tmp_path, ["id"], 5)
    file.keep([reject(b'{\r\n  "id": {\n    "S": "a\\nb"\n  }\n}')])
    (line,) = written(file)
    assert json.loads(line)["item"] == {"id": {"S": "a\nb"}}
    assert json.loads(line)["key"] == {"id": {"S": "a\nb"}}


@given(
    st.lists(
        st.tuples(items(id="S", at="N"), st.text(TEXT, max_size=9)),
        max_size=4,
        unique_by=lambda each: (each[0]["id"]["S"], Decimal(each[0]["at"]["N"])),
    ),
    st.randoms(use_true_random=False),
)
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_line_gives_back_the_item_and_the_servers_words(
    tmp_path: Path, rejects: list[tuple[Item, str]], chance: Random
) -> None:
    file = RejectsFile(tmp_path, ["id", "at"], 1000)
    texts = [spelled(item, chance).replace("\n", " ").replace("\r", " ") for item, _ in rejects]
    for text, (_, message) in zip(texts, rejects, strict=True):
        file.keep([reject(text.encode(), message)])
    lines = [json.loads(line) for line in written(file)] if rejects else []
    assert lines == [
        {
            "key": {"id": item["id"], "at": item["at"]},
            "error": "ValidationException",
            "message": message,
            "item": item,
        }
        for item, message in rejects
    ]
    if file.path:
        Path(file.path).unlink()


def test_a_folder_that_cannot_be_written_is_told_with_a_remedy(tmp_path: Path) -> None:
    in_the_way = tmp_path / "savepoints"
    in_the_way.write_text("a file, not a folder")
    with pytest.raises(MigrateError, match="cannot keep rejected items") as raised:
        RejectsFile(in_the_way, ["id"], 5).keep([reject()])
    assert not isinstance(raised.value, TooManyRejects)
    assert "savepoints.path" in raised.value.hint


def test_a_disk_that_fills_up_leaves_whole_lines_only(tmp_path: Path) -> None:
    file = RejectsFile(tmp_path, ["id"], 500)
    file.keep([named("first")])
    before = written(file)
    with files_of_at_most(1000), pytest.raises(MigrateError, match="cannot keep rejected items"):
        file.keep([named(f"too much {number}") for number in range(50)])
    assert written(file) == before
    file.keep([reject(message="room again")])
    assert len(written(file)) == 2


@pytest.mark.parametrize("lines", [0, 3])
@pytest.mark.parametrize("torn", [1, 40, 70_000, 150_000])
def test_a_line_that_a_killed_run_left_half_written_is_none(
    tmp_path: Path, lines: int, torn: int
) -> None:
    file = RejectsFile(tmp_path, ["id"], 500)
    file.keep([named(str(number), f"line {number}") for number in range(max(lines, 1))])
    assert file.path
    whole = Path(file.path).read_bytes() if lines else b""
    half = b'{"key":{"id":{"S":"a"}},"error":"ValidationException","message":"' + b"x" * torn
    Path(file.path).write_bytes(whole + half[:torn])
    RejectsFile(tmp_path, ["id"], 500, file.path).keep([named("b", "gone on")])
    messages = [json.loads(line)["message"] for line in written(file)]
    assert messages == [*(f"line {number}" for number in range(lines)), "gone on"]


def test_a_last_line_that_a_person_left_without_its_end_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "rejects_1.jsonl"
    path.write_bytes(b'{"item":{"id":{"S":"mended"}}}')
    file = RejectsFile(tmp_path, ["id"], 5, str(path))
    file.keep([reject()])
    assert [json.loads(line)["item"]["id"]["S"] for line in written(file)] == ["mended", "a"]


def test_going_on_keeps_an_item_once_and_what_a_person_made_of_it(tmp_path: Path) -> None:
    file = RejectsFile(tmp_path, ["id"], 0)
    with pytest.raises(TooManyRejects):
        file.keep([named("a"), named("b")])
    assert file.path
    mended = (
        Path(file.path).read_bytes().replace(b'"item":{"id":{"S":"a"}', b'"item":{"id":{"S":"x"}')
    )
    Path(file.path).write_bytes(mended)
    again = RejectsFile(tmp_path, ["id"], 3, file.path)
    assert (again.count, again.left) == (2, 3)  # two of the three come again
    again.keep([reject(b'{ "id": {"S":"\\u0061"} }'), named("c")])
    assert (again.count, again.left) == (3, 1)
    assert Path(file.path).read_bytes().startswith(mended)
    assert [json.loads(line)["key"]["id"]["S"] for line in written(again)] == ["a", "b", "c"]


def test_known_rejects_count_against_what_is_allowed_and_only_once(tmp_path: Path) -> None:
    file = RejectsFile(tmp_path, ["id"], 2)
    file.keep([named("a"), named("b")])
    again = RejectsFile(tmp_path, ["id"], 2, file.path, counted=2)
    again.keep([named("b"), named("a")])
    with pytest.raises(TooManyRejects):
        again.keep([named("c")])


def test_rejects_whose_lines_are_gone_are_counted_still(tmp_path: Path) -> None:
    file = RejectsFile(tmp_path, ["id"], 5, str(tmp_path / "rejects_1.jsonl"), counted=3)
    assert (file.count, file.left) == (3, 2)
    file.keep([named("a")])
    assert file.count == 4


def change(name: str, message: str, kind: Literal["put", "delete"] = "put") -> Reject:
    """A refused change of that key."""
    return replace(named(name, message), change=kind)


def test_a_refused_change_takes_the_place_of_what_its_key_had(tmp_path: Path) -> None:
    file = RejectsFile(tmp_path, ["id"], 2)
    file.keep([named("a", "copied"), named("b", "copied")])
    file.keep([change("a", "first"), change("a", "second", "delete")])
    told = [(line.get("change"), line["message"]) for line in map(json.loads, written(file))]
    assert told == [(None, "copied"), ("delete", "second")]
    assert file.count == 2
    assert file.path
    assert stat.S_IMODE(Path(file.path).stat().st_mode) == 0o600


def settled(folder: Path) -> list[str]:
    """The names in the file of the settled ones, which is its owner's alone."""
    (path,) = folder.glob("settled_*.jsonl")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    return [json.loads(line)["item"]["id"]["S"] for line in path.read_bytes().splitlines()]


def test_what_is_settled_moves_to_a_file_beside_and_is_known_when_it_comes_again(
    tmp_path: Path,
) -> None:
    file = RejectsFile(tmp_path, ["id"], 5)
    file.keep([named("a"), named("b"), named("c")])
    file.settle({b'{"id":{"S":"a"}}', b'{"id":{"S":"c"}}', b'{"id":{"S":"never refused"}}'})
    assert file.count == 1
    assert [json.loads(line)["key"]["id"]["S"] for line in written(file)] == ["b"]
    assert settled(tmp_path) == ["a", "c"]
    again = RejectsFile(tmp_path, ["id"], 1, file.path)
    again.keep([named("c"), named("b"), named("a")])  # a page that was not acknowledged as a whole
    assert again.count == 1
    again.settle({b'{"id":{"S":"b"}}'})
    assert again.count == 0
    assert file.path and Path(file.path).read_bytes() == b""


def test_a_settled_item_that_a_change_made_bad_again_is_a_reject_again(tmp_path: Path) -> None:
    file = RejectsFile(tmp_path, ["id"], 5)
    file.keep([named("a")])
    file.settle({b'{"id":{"S":"a"}}'})
    file.keep([change("a", "bad again")])
    assert (file.count, len(written(file))) == (1, 1)


def test_a_kill_while_rejects_are_settled_leaves_them_to_be_settled(tmp_path: Path) -> None:
    file = RejectsFile(tmp_path, ["id"], 5)
    file.keep([named("a"), named("b")])
    assert file.path
    before = Path(file.path).read_bytes()
    file.settle({b'{"id":{"S":"a"}}'})
    Path(file.path).write_bytes(before)
    again = RejectsFile(tmp_path, ["id"], 5, file.path)
    assert again.count == 2
    again.settle({b'{"id":{"S":"a"}}'})
    assert again.count == 1


def test_changes_that_arrive_settle_what_their_keys_had_before(tmp_path: Path) -> None:
    file = RejectsFile(tmp_path, ["id"], 5)
    file.keep([named("a"), change("b", "first"), named("c")])
    arrived = [Change(b'{"id":{"S":"%b"}}' % name, None, "1", 0.0) for name in (b"a", b"b", b"d")]
    file.overtaken(arrived, [change("b", "second")])
    assert {json.loads(line)["key"]["id"]["S"] for line in written(file)} == {"b", "c"}
    assert file.count == 2


def test_a_line_that_nobody_can_read_is_kept_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "rejects_1.jsonl"
    path.write_bytes(b'{"item": {"id": {"S": "a"}\n{"item":{"id":{"S":"b"}}}\n\n')
    file = RejectsFile(tmp_path, ["id"], 5, str(path))
    file.settle({b'{"id":{"S":"b"}}'})
    assert file.count == 1
    assert path.read_bytes() == b'{"item": {"id": {"S": "a"}\n'


def test_a_disk_that_fills_up_while_rejects_are_settled_leaves_them_as_they_were(
    tmp_path: Path,
) -> None:
    file = RejectsFile(tmp_path, ["id"], 50)
    file.keep([named(str(number), "x" * 100) for number in range(20)])
    before = written(file)
    keys = [b'{"id":{"S":"%d"}}' % number for number in range(10)]
    with files_of_at_most(1500), pytest.raises(MigrateError, match="cannot keep rejected items"):
        file.settle(keys)
    assert written(file) == before
    assert file.count == 20
    file.settle(keys)
    assert file.count == 10
    assert sorted(each.name for each in tmp_path.iterdir() if each.suffix == ".tmp") == []

"""The file of rejected items."""

import json
import re
import stat
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alternator_migrate.errors import MigrateError, TooManyRejects
from alternator_migrate.model import Reject
from alternator_migrate.rejects import RejectsFile
from tests.servers.client import Item
from tests.unit.savepoints import files_of_at_most
from tests.unit.spelling import items, spelled

TEXT = st.characters(exclude_categories=["Cs"])
ITEM = b'{"id":{"S":"a"},"at":{"N":"1.50"},"note":{"S":"x"}}'


def reject(item: bytes = ITEM, message: str = "empty set") -> Reject:
    """An item that the target refused."""
    return Reject(item, "ValidationException", message)


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
        file.keep([reject(message=f"first {number}"), reject(message=f"second {number}")])
    assert [path.name for path in tmp_path.iterdir()] == [Path(file.path).name if file.path else ""]
    messages = [json.loads(line)["message"] for line in written(file)]
    assert messages == [f"{which} {n}" for n in range(5) for which in ("first", "second")]
    assert file.path
    assert stat.S_IMODE(Path(file.path).stat().st_mode) == 0o600


@pytest.mark.parametrize("allowed", [0, 1, 3])
def test_one_more_than_allowed_ends_the_run_but_is_kept(tmp_path: Path, allowed: int) -> None:
    file = RejectsFile(tmp_path, ["id"], allowed)
    for _ in range(allowed):
        file.keep([reject()])
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
        file.keep([reject(), reject(), reject()])
    assert len(written(file)) == 3


def test_an_item_that_the_source_spread_over_lines_is_one_line(tmp_path: Path) -> None:
    file = RejectsFile(tmp_path, ["id"], 5)
    file.keep([reject(b'{\r\n  "id": {\n    "S": "a\\nb"\n  }\n}')])
    (line,) = written(file)
    assert json.loads(line)["item"] == {"id": {"S": "a\nb"}}
    assert json.loads(line)["key"] == {"id": {"S": "a\nb"}}


@given(
    st.lists(st.tuples(items(id="S", at="N"), st.text(TEXT, max_size=9)), max_size=4),
    st.randoms(use_true_random=False),
)
@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
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
    file.keep([reject(message="kept")])
    before = written(file)
    with files_of_at_most(1000), pytest.raises(MigrateError, match="cannot keep rejected items"):
        file.keep([reject(message=f"too much {number}") for number in range(50)])
    assert written(file) == before
    file.keep([reject(message="room again")])
    assert len(written(file)) == 2


@pytest.mark.parametrize("lines", [0, 3])
@pytest.mark.parametrize("torn", [1, 40, 70_000, 150_000])
def test_a_line_that_a_killed_run_left_half_written_is_none(
    tmp_path: Path, lines: int, torn: int
) -> None:
    file = RejectsFile(tmp_path, ["id"], 500)
    file.keep([reject(message=f"line {number}") for number in range(max(lines, 1))])
    assert file.path
    whole = Path(file.path).read_bytes() if lines else b""
    half = b'{"key":{"id":{"S":"a"}},"error":"ValidationException","message":"' + b"x" * torn
    Path(file.path).write_bytes(whole + half[:torn])
    RejectsFile(tmp_path, ["id"], 500, file.path).keep([reject(message="gone on")])
    messages = [json.loads(line)["message"] for line in written(file)]
    assert messages == [*(f"line {number}" for number in range(lines)), "gone on"]


def test_a_last_line_that_a_person_left_without_its_end_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "rejects_1.jsonl"
    path.write_bytes(b'{"item":{"id":{"S":"mended"}}}')
    file = RejectsFile(tmp_path, ["id"], 5, str(path))
    file.keep([reject()])
    assert [json.loads(line)["item"]["id"]["S"] for line in written(file)] == ["mended", "a"]

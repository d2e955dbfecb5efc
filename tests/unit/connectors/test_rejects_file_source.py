"""A rejects file that a person has mended, read back: every item, or the line that is wrong."""

import asyncio
from pathlib import Path

import pytest

from alternator_migrate.connectors.rejects_file import RejectsSource
from alternator_migrate.core.errors import UsageError
from alternator_migrate.core.model import Page, Segment

GOOD = '{"item": {"pk": {"S": "a"}}}'
WRONG = {
    "no JSON": "{",
    "no item": '{"key": {}, "error": "x"}',
    "a number": '{"item": 5}',
    "a list": '{"item": [{"pk": {"S": "a"}}]}',
    "a text": '{"item": "a"}',
    "nothing": '{"item": null}',
    "a line that is a list": "[]",
    "a line that is a text": '"item"',
}


def source(folder: Path, *lines: str, end: str = "\n") -> RejectsSource:
    """A file of these lines."""
    path = folder / "mended.jsonl"
    path.write_text(end.join(lines) + end, encoding="utf-8")
    return RejectsSource(path)


async def pages(source: RejectsSource) -> list[Page]:
    """All pages."""
    return [page async for page in source.pages(Segment(0, 1), None)]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_every_item_is_read_and_empty_lines_are_none(tmp_path: Path, end: str) -> None:
    names = [f'{{"item": {{"pk": {{"S": "{n}"}}}}, "note": "x"}}' for n in range(2500)]
    read = source(tmp_path, *names, "", "  ", end=end)
    found = asyncio.run(pages(read))
    assert read.count == sum(page.read for page in found) == 2500
    items = [bytes(item) for page in found for item in page.items]
    assert items == [b'{"pk": {"S": "%d"}}' % n for n in range(2500)]
    assert [page.position is None for page in found] == [False, False, True]


@pytest.mark.parametrize("line", WRONG.values(), ids=WRONG.keys())
def test_a_line_that_is_no_rejected_item_is_named(tmp_path: Path, line: str) -> None:
    with pytest.raises(UsageError, match=r"mended\.jsonl, line 3: not a rejected item"):
        source(tmp_path, GOOD, "", line, GOOD)


def test_an_item_without_a_key_attribute_is_named(tmp_path: Path) -> None:
    read = source(tmp_path, GOOD, '{"item": {"sk": {"N": "1"}}}')
    with pytest.raises(UsageError, match=r"mended\.jsonl, line 2: .*\bpk\b"):
        read.once_each(["pk"])
    with pytest.raises(UsageError, match=r"mended\.jsonl, line 1: .*\bsk\b"):
        read.once_each(["pk", "sk"])


def test_an_item_that_stands_there_twice_is_sent_once(tmp_path: Path) -> None:
    twice = '{"key": {"pk": {"N": "1"}}, "item": {"pk": {"N": "1"}, "v": {"NS": ["2", "3"]}}}'
    again = '{"item": {"v": {"NS": ["3.0", "2"]}, "pk": {"N": "1.0"}}}'
    moved = '{"key": {"pk": {"N": "7"}}, "item": {"pk": {"N": "8"}}}'
    read = source(tmp_path, twice, moved, again)
    assert read.once_each(["pk"]) == {
        b'{"pk":{"N":"1"}}': {b'{"pk":{"N":"1"}}'},
        b'{"pk":{"N":"8"}}': {b'{"pk":{"N":"7"}}'},
    }
    (page,) = asyncio.run(pages(read))
    assert len(page.items) == read.count == 2


def test_two_items_of_one_key_are_named(tmp_path: Path) -> None:
    other = '{"item": {"pk": {"S": "a"}, "mended": {"BOOL": true}}}'
    with pytest.raises(
        UsageError, match=r"line 1 and .*mended\.jsonl, line 3: two items of one key"
    ):
        source(tmp_path, GOOD, '{"item": {"pk": {"S": "b"}}}', other).once_each(["pk"])


def test_files_are_read_as_one(tmp_path: Path) -> None:
    lines = {"a": [GOOD, '{"item": {"pk": {"S": "b"}}}'], "b": ['{"item": {"pk": {"S": "c"}}}']}
    paths = [tmp_path / name for name in lines]
    for path in paths:
        path.write_text("\n".join(lines[path.name]))
    read = RejectsSource(*paths)
    assert (read.count, len(read.once_each(["pk"]))) == (3, 3)
    paths[1].write_text('{"item": {"pk": {"S": "a"}, "mended": {"BOOL": true}}}')
    with pytest.raises(UsageError, match=r"a, line 1 and .*b, line 1: two items of one key"):
        RejectsSource(*paths).once_each(["pk"])


@pytest.mark.parametrize("name", ["nowhere.jsonl", "."])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    with pytest.raises(UsageError, match="cannot read") as raised:
        RejectsSource(path)
    assert str(path) in str(raised.value)

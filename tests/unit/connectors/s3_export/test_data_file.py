"""One data file: resumed at any place, checked to its end, whatever the pieces it comes in."""

import gzip
import tracemalloc
import zlib
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alternator_migrate.connectors.s3_export.data_file import FileReading, Place
from alternator_migrate.connectors.s3_export.lines import (
    LONGEST,
    PIECE,
    Inflater,
    LineCutter,
    fastest,
)
from alternator_migrate.connectors.s3_export.manifest import DataFile, md5_text
from alternator_migrate.connectors.s3_export.places import rules
from alternator_migrate.connectors.s3_export.records import json_items
from alternator_migrate.core.errors import MigrateError, UsageError
from alternator_migrate.core.model import Item

LINES = [b'{"Item":{"id":{"S":"%d"},"t":{"S":"%s"}}}' % (n, b"x" * 400) for n in range(8000)]
TEXT = b"\n".join(LINES) + b"\n"
BODY = gzip.compress(TEXT, 1, mtime=0)


class Memory:
    """One object, given out in pieces of `size` bytes."""

    def __init__(self, body: bytes, size: int = 70_000) -> None:
        self.pieces: Iterator[bytes] = iter(
            [body[at : at + size] for at in range(0, len(body), size)]
        )

    def name(self, key: str) -> str:
        return f"s3://b/{key}"

    async def get(self, key: str) -> bytes:
        return b"".join(self.pieces)

    async def exists(self, key: str) -> bool:
        return True

    def open(self, key: str) -> "Memory":
        return self

    async def read(self) -> bytes:
        return next(self.pieces, b"")

    async def close(self) -> None:
        self.pieces = iter(())


def reading(
    body: bytes = BODY, file: DataFile | None = None, start: Place | None = None, size: int = 70_000
) -> FileReading[Item]:
    file = file or DataFile("k", len(LINES), md5_text(body))
    return FileReading(Memory(body, size), file, json_items, start or Place())


async def test_every_place_is_a_place_to_go_on_from() -> None:
    blocks = [block async for block in reading().blocks()]
    assert len(blocks) >= 3
    assert blocks[-1].position is None
    done = 0
    for block in blocks[:-1]:
        done += len(block.records)
        start = Place.at(block.position)
        text = sum(len(line) + 1 for line in LINES[:done])
        assert (start.size, start.items) == (text, done)
        rest = [
            bytes(item)
            async for b in reading(start=start, size=9000).blocks()
            for item in b.records
        ]
        assert rest == [line[8:-1] for line in LINES[done:]]


async def test_blank_lines_move_no_place() -> None:
    text = TEXT.replace(LINES[5000], b"\n \n" + LINES[5000])
    body = gzip.compress(text, 1)
    blocks = [block async for block in reading(body).blocks()]
    assert sum(len(block.records) for block in blocks) == len(LINES)
    assert sum(block.size for block in blocks) == len(text)
    start = Place.at(blocks[-2].position)
    assert text[start.size :].startswith(LINES[start.items])
    (rest,) = [block async for block in reading(body, start=start).blocks()]
    assert [bytes(item) for item in rest.records] == [each[8:-1] for each in LINES[start.items :]]


async def test_a_record_that_is_none_is_told_by_its_number() -> None:
    text = b"\n" + TEXT.replace(LINES[6000], b'{"Item":{"id":1}')
    with pytest.raises(MigrateError, match=r"its record 6,001 is none \(.*:\{\"id\":1\}\)"):
        [_ async for _ in reading(gzip.compress(text, 1)).blocks()]


async def test_a_place_in_other_lines_is_no_place() -> None:
    blocks = [block async for block in reading().blocks()]
    start = Place.at(blocks[0].position)
    other = gzip.compress(TEXT.replace(b'"S":"3"', b'"S":"X"', 1), 1)
    with pytest.raises(MigrateError, match="has other lines than before"):
        [_ async for _ in reading(other, start=start).blocks()]
    short = gzip.compress(b"\n".join(LINES[:10]) + b"\n")
    with pytest.raises(MigrateError, match=r"4,390 bytes of text, and .* were read before"):
        [_ async for _ in reading(short, start=start).blocks()]


async def test_a_damaged_end_is_told_before_the_last_block() -> None:
    with pytest.raises(MigrateError, match="the manifest says AAAA"):
        async for block in reading(file=DataFile("k", None, "AAAA")).blocks():
            assert block.position is not None


LIBRARIES = pytest.mark.parametrize("library", [zlib, fastest()])


@LIBRARIES
@settings(max_examples=30)
@given(st.lists(st.binary(max_size=60), max_size=6), st.integers(1, 50))
def test_any_members_in_any_pieces_inflate(library: Any, parts: list[bytes], size: int) -> None:
    body = b"".join(map(gzip.compress, parts)) or gzip.compress(b"")
    inflater = Inflater(library)
    found = [
        piece for at in range(0, len(body), size) for piece in inflater.pieces(body[at : at + size])
    ]
    inflater.finish()
    assert b"".join(found) == b"".join(parts)


@LIBRARIES
@pytest.mark.parametrize(
    "body", [b"", BODY[:-3], BODY[:5], gzip.compress(b"", mtime=0) + BODY[:100]]
)
def test_bytes_that_end_within_gzip_are_told(library: Any, body: bytes) -> None:
    inflater = Inflater(library)
    list(inflater.pieces(body))
    with pytest.raises(ValueError, match="truncated"):
        inflater.finish()


@LIBRARIES
def test_a_bomb_is_inflated_in_flat_memory(library: Any) -> None:
    packer = zlib.compressobj(9, wbits=31)
    body = b"".join([packer.compress(bytes(PIECE)) for _ in range(40)]) + packer.flush()
    inflater = Inflater(library)
    tracemalloc.start()
    total = sum(len(piece) for piece in inflater.pieces(body))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert total == 40 * PIECE
    assert peak < 6 * PIECE


def test_a_line_without_an_end_is_an_error() -> None:
    cutter = LineCutter()
    with pytest.raises(ValueError, match="a line of more than"):
        for _ in range(LONGEST // PIECE + 1):
            cutter.lines(bytes(PIECE))


def test_keys_are_looked_for_where_a_copy_may_have_them() -> None:
    key = "old/AWSDynamoDB/ID/data/a.json.gz"
    found = [rule(key) for rule in rules("new/AWSDynamoDB/ID/m.json", in_bucket=True)]
    assert found[:3] == [key, "new/AWSDynamoDB/ID/data/a.json.gz", f"new/AWSDynamoDB/ID/{key}"]
    assert [rule("data/a") for rule in rules("m.json", in_bucket=False)] == [
        *("data/a", "data/a", "a"),
    ]
    shared = "old/AWSDynamoDB/data/a.json.gz"
    assert "new/AWSDynamoDB/data/a.json.gz" in [
        rule(shared) for rule in rules("new/AWSDynamoDB/ID/m.json", in_bucket=True)
    ]


@LIBRARIES
def test_damaged_gzip_is_told(library: Any) -> None:
    spoilt = BODY[:500] + b"\xff" * 20 + BODY[520:]
    inflater = Inflater(library)
    with pytest.raises(ValueError, match="no gzip, or damaged"):
        list(inflater.pieces(spoilt))


def test_a_place_of_an_earlier_build_is_refused_with_the_remedy() -> None:
    with pytest.raises(UsageError, match="as an earlier build counted it") as refusal:
        Place.at(b'{"line":7,"items":7,"crc":1}')
    assert "--fresh --into-existing" in refusal.value.hint

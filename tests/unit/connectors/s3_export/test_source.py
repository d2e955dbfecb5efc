"""Exports as a source: held back with the run, and in the order that they follow one another."""

import asyncio
import itertools
from pathlib import Path

import pytest

from alternator_migrate.connectors.s3_export.objects import Files
from alternator_migrate.connectors.s3_export.reading import read_export
from alternator_migrate.connectors.s3_export.seeks import Seeks
from alternator_migrate.connectors.s3_export.source import ExportSource, ItemRules
from alternator_migrate.connectors.s3_export.windows import check_order, iso
from alternator_migrate.core.errors import UsageError
from alternator_migrate.core.model import Segment
from alternator_migrate.core.pace import Pace
from tests.support import exports
from tests.support.exports import Export, full, incremental

ROWS = [{"pk": {"S": str(n)}} for n in range(10)]


async def test_a_run_that_is_held_back_reads_no_export(tmp_path: Path) -> None:
    export = full(ROWS, files=1)
    exports.write(tmp_path, export.objects())
    found = await read_export(Files(), None, str(tmp_path / export.manifest))
    valve = asyncio.Event()
    source = ExportSource([found], lambda _: Files(), ItemRules(), Pace(valve=valve))
    pages = source.pages(Segment(0, 1), None)
    first = asyncio.create_task(anext(pages))
    done, _ = await asyncio.wait([first], timeout=0.2)
    assert not done
    valve.set()
    assert (await first).read == 10
    await pages.aclose()


async def test_the_time_that_a_place_is_sought_is_known(tmp_path: Path) -> None:
    export = full(ROWS * 30_000, files=1)
    exports.write(tmp_path, export.objects())
    found = await read_export(Files(), None, str(tmp_path / export.manifest))
    now = itertools.count()
    seeks = Seeks(lambda: float(next(now)))
    source = ExportSource([found], lambda _: Files(), ItemRules(), seeks=seeks)
    pages = source.pages(Segment(0, 1), None)
    position = (await anext(pages)).position
    await pages.aclose()
    assert seeks.seconds == 0, "the beginning is not sought"
    again = source.pages(Segment(0, 1), position)
    reading = asyncio.create_task(anext(again))
    await asyncio.sleep(0)
    assert seeks.seconds > 0, "it is sought"
    await reading
    took = seeks.seconds
    await anext(again)
    await again.aclose()
    assert seeks.seconds == took, "it was found"
    seeks.begin_anew()
    assert seeks.seconds == 0


def window(start: str, end: str) -> Export:
    return incremental([], start, end, id=f"{end[11:13]}-x")


FULL = full([], summary={"exportTime": "2024-05-07T15:00:00.500Z"})


@pytest.mark.parametrize(
    ("chain", "words"),
    [
        ([FULL], ""),
        ([FULL, window("2024-05-07T15:00:00.000Z", "2024-05-07T16:00:00Z")], ""),
        ([FULL, window("2024-05-07T15:00:01.000Z", "2024-05-07T16:00:00Z")], "changes are missing"),
        ([FULL, window("2024-05-07T14:59:00.000Z", "2024-05-07T16:00:00Z")], "overlap"),
        ([window("2024-05-07T15:00:00Z", "2024-05-07T16:00:00Z"), FULL], "is a full export"),
    ],
)
async def test_windows(tmp_path: Path, chain: list[Export], words: str) -> None:
    for each in chain:
        exports.write(tmp_path, each.objects())
    found = [await read_export(Files(), None, str(tmp_path / each.manifest)) for each in chain]
    if not words:
        check_order(found)
        return
    with pytest.raises(UsageError, match=words):
        check_order(found)


def test_moments_are_told_as_aws_does() -> None:
    assert (iso(0.0), iso(1.25)) == ("1970-01-01T00:00:00Z", "1970-01-01T00:00:01.250Z")

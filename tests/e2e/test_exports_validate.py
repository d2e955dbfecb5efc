"""A table on the target compared with the exports that it was made of."""

from pathlib import Path
from typing import Any

import pytest

from tests.e2e.test_exports_incremental import AT_THE_END, chain, key, manifests, row
from tests.servers.client import call, fill
from tests.standin import StandIn
from tests.support.jobs import Command, Job, Report, alternator, job
from tests.support.shapes import same_items

QUICK = {"recheckSeconds": [0]}


@pytest.fixture
async def copied(
    tmp_path: Path, standin: StandIn, table_name: str, command: Command
) -> tuple[Job, str]:
    """A configuration whose exports are on the target."""
    target = alternator(standin.url, table_name)
    content = job(manifests(tmp_path, chain()), target, validation=QUICK)
    report = await command(content)
    assert report.code == 0, report.err
    return content, table_name


def found(report: Report) -> dict[str, Any]:
    """The counts of differences."""
    counts = dict(report.table["validation"])
    counts.pop("compared")
    return {kind: count for kind, count in counts.items() if count}


@pytest.mark.parametrize("mode", [("--mode", "digest"), ("--mode", "lookup"), ("--sample", "0.5")])
async def test_what_was_copied_is_equal(
    copied: tuple[Job, str], command: Command, mode: tuple[str, str]
) -> None:
    report = await command(copied[0], *mode, word="validate")
    assert report.code == 0, report.err
    compared = report.table["validation"]["compared"]
    assert compared == len(AT_THE_END) or "--sample" in mode


@pytest.mark.parametrize("mode", ["digest", "lookup"])
async def test_differences_are_found_and_repaired(
    copied: tuple[Job, str], standin: StandIn, command: Command, mode: str
) -> None:
    content, table = copied
    await fill(standin.url, table, [row(2, "spoilt"), row(500)])
    for n in (3, 30):
        await call(standin.url, "DeleteItem", {"TableName": table, "Key": key(n)})
    report = await command(content, "--mode", mode, word="validate")
    assert report.code == 3, report.err
    assert found(report) == {"missing": 2, "different": 1, "extra": 1}
    assert all(f'"item {n}"' in report.err for n in (2, 3, 30, 500))
    options = ("--mode", mode, "--repair", "--delete-extra", "--yes")
    mended = await command(content, *options, word="validate")
    assert mended.code == 0, mended.err
    assert same_items(standin.items(table), AT_THE_END)


async def test_an_increment_alone_is_nothing_to_compare_with(
    tmp_path: Path, copied: tuple[Job, str], command: Command
) -> None:
    content, _ = copied
    given = manifests(tmp_path, chain()[1:])
    report = await command({**content, "source": given}, word="validate")
    assert report.code == 2
    assert "what it was based on is not known" in report.err

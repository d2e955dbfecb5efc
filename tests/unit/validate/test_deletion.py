"""Deleting what a comparison found to be extra: from the findings file, and into it."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from alternator_migrate.core.counts import ValidationCounts
from alternator_migrate.core.model import Difference
from alternator_migrate.validate.deletion import SHOWN, Deletion
from alternator_migrate.validate.findings_file import FindingsFile
from tests.support.cli import names_in

DIFFERENT = Difference("different", b'{"pk":{"S":"d"}}', ("a",), b'{"a":{"N":"1"}}')
REPAIRED = Difference("missing", b'{"pk":{"S":"m"}}', repaired=True)


def extra(number: int) -> Difference:
    return Difference("extra", b'{"pk":{"N":"%d"}}' % number)


class Deleter:
    """Repairs all but what it is told to refuse; some are on the source by now."""

    def __init__(self, refused: Sequence[int] = (), gone: Sequence[int] = ()) -> None:
        self.asked: list[Difference] = []
        self._refused = {extra(number).key for number in refused}
        self._gone = {extra(number).key for number in gone}

    async def repair(self, findings: Sequence[Difference]) -> Sequence[Difference]:
        self.asked += findings
        return [
            replace(each, refused="no")
            if each.key in self._refused
            else replace(each, repaired=True)
            for each in findings
            if each.key not in self._gone
        ]


def findings_in(folder: Path, *found: Difference) -> FindingsFile:
    file = FindingsFile(folder / "findings_1.jsonl")
    file.keep(found)
    return file


async def test_only_what_is_extra_is_deleted_and_the_file_says_so(tmp_path: Path) -> None:
    file = findings_in(tmp_path, DIFFERENT, *map(extra, range(4)), REPAIRED)
    deleter, counts = Deleter(refused=[1], gone=[2]), list[ValidationCounts]()
    deletion = Deletion(file, deleter)
    assert await deletion.run(asyncio.Event(), counts.append)
    assert [each.key for each in deleter.asked] == [extra(n).key for n in range(4)]
    assert counts == [ValidationCounts(extra=-1, repaired=2)]
    assert [*file.all()] == [
        DIFFERENT,
        replace(extra(0), repaired=True),
        replace(extra(1), refused="no"),
        replace(extra(3), repaired=True),
        REPAIRED,
    ]
    assert names_in(tmp_path) == {"findings_1.jsonl"}


async def test_the_first_keys_are_shown(tmp_path: Path) -> None:
    file = findings_in(tmp_path, DIFFERENT, *map(extra, range(SHOWN + 3)))
    shown = Deletion(file, Deleter()).first_keys()
    assert shown == [extra(number).key.decode() for number in range(SHOWN)]
    assert Deletion(findings_in(tmp_path / "none", DIFFERENT), Deleter()).first_keys() == []


async def test_what_is_left_at_a_stop_stays_as_it_was_found(tmp_path: Path) -> None:
    everything = [*map(extra, range(250))]
    file, stop, deleter = findings_in(tmp_path, *everything), asyncio.Event(), Deleter()
    assert not await Deletion(file, deleter).run(stop, lambda _: stop.set())
    assert len(deleter.asked) == 100
    after = [*file.all()]
    assert [each.key for each in after] == [each.key for each in everything]
    assert [each.repaired for each in after] == [n < 100 for n in range(250)]


async def test_where_all_came_right_by_itself_no_file_is_left(tmp_path: Path) -> None:
    file = findings_in(tmp_path, extra(1))
    assert await Deletion(file, Deleter(gone=[1])).run(asyncio.Event(), lambda _: None)
    assert not file.path.exists()
    assert file.size == 0

"""Deleting what a comparison found to be extra: from the findings file, and into it."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from alternator_migrate.core.counts import ValidationCounts
from alternator_migrate.core.errors import MigrateError
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
        self.meanwhile: Callable[[], object] = lambda: None
        self._refused = {extra(number).key for number in refused}
        self._gone = {extra(number).key for number in gone}

    async def repair(self, findings: Sequence[Difference]) -> Sequence[Difference]:
        self.asked += findings
        self.meanwhile()
        return [
            replace(each, refused="no")
            if each.key in self._refused
            else replace(each, repaired=True)
            for each in findings
            if each.key not in self._gone
        ]

    def fail(self, error: BaseException) -> None:
        raise error


def missing(number: int) -> Difference:
    return Difference("missing", b'{"pk":{"N":"-%d"}}' % number)


def counts_of(file: FindingsFile) -> ValidationCounts:
    """What the findings file says."""
    found = [*file.all()]
    kinds = [each.kind for each in found]
    return ValidationCounts(
        missing=kinds.count("missing"),
        different=kinds.count("different"),
        extra=kinds.count("extra"),
        repaired=sum(each.repaired for each in found),
    )


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
    everything, stop = [*map(extra, range(250))], asyncio.Event()
    file, deleter = findings_in(tmp_path, *everything), Deleter()
    deleter.meanwhile = stop.set
    assert not await Deletion(file, deleter).run(stop, lambda _: None)
    assert len(deleter.asked) == 100
    after = [*file.all()]
    assert [each.key for each in after] == [each.key for each in everything]
    assert [each.repaired for each in after] == [n < 100 for n in range(250)]


@pytest.mark.parametrize("ending", [asyncio.CancelledError(), MigrateError("throttled")])
async def test_where_it_is_interrupted_the_counts_say_what_the_file_says(
    tmp_path: Path, ending: BaseException
) -> None:
    found = [*map(extra, range(300)), *(missing(n) for n in range(200))]
    file, deleter = findings_in(tmp_path, *found), Deleter(gone=[7])
    counts = [ValidationCounts(1000, missing=200, extra=300)]

    def settled(change: ValidationCounts) -> None:
        counts.append(counts[-1] + change)

    def interrupt() -> None:
        assert deletion.change == ValidationCounts()  # nothing of the first hundred yet
        deleter.meanwhile = lambda: deleter.fail(ending)

    deletion = Deletion(file, deleter)
    deleter.meanwhile = interrupt
    with pytest.raises(type(ending)):
        await deletion.run(asyncio.Event(), settled)
    assert counts[1:] == [ValidationCounts(1000, missing=200, extra=299, repaired=99)]
    assert counts_of(file) == replace(counts[-1], compared=0)
    assert deletion.change == ValidationCounts()

    again = FindingsFile(file.path, file.size)
    deleter.meanwhile = lambda: None
    assert await Deletion(again, deleter).run(asyncio.Event(), settled)
    assert counts[-1] == ValidationCounts(1000, missing=200, extra=299, repaired=299)
    assert counts_of(again) == replace(counts[-1], compared=0)
    assert counts[-1].left == 200


async def test_a_savepoint_amid_it_knows_of_nothing_that_the_file_does_not_say(
    tmp_path: Path,
) -> None:
    file, counts = findings_in(tmp_path, *map(extra, range(300))), list[ValidationCounts]()
    seen: list[tuple[list[ValidationCounts], int, ValidationCounts]] = []
    deleter = Deleter()
    deletion = Deletion(file, deleter)
    deleter.meanwhile = lambda: seen.append(([*counts], deletion.change.repaired, counts_of(file)))
    await deletion.run(asyncio.Event(), counts.append)
    before = ValidationCounts(extra=300)
    assert seen == [([], 0, before), ([], 100, before), ([], 200, before)]
    assert counts == [ValidationCounts(repaired=300)]


async def test_where_all_came_right_by_itself_no_file_is_left(tmp_path: Path) -> None:
    file = findings_in(tmp_path, extra(1))
    assert await Deletion(file, Deleter(gone=[1])).run(asyncio.Event(), lambda _: None)
    assert not file.path.exists()
    assert file.size == 0

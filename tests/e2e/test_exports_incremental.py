"""Incremental exports after a full one: puts and deletes in the order of their windows."""

from pathlib import Path
from typing import Any

import pytest

from tests.servers.client import Item, create_table
from tests.standin import StandIn
from tests.support import exports
from tests.support.exports import Export, Write, full, incremental, source
from tests.support.jobs import Command, Migrate, alternator, job
from tests.support.shapes import same_items

T0, T1, T2 = "2024-05-07T15:06:24.115Z", "2024-05-07T16:06:24Z", "2024-05-07T17:06:24.000Z"
FROM = "2024-05-07T15:06:24.000Z"


def row(n: int, version: str = "old", **more: Any) -> Item:
    return {"pk": {"S": f"item {n}"}, "v": {"S": version}, "n": {"N": str(n)}, **more}


def key(n: int) -> Item:
    return {"pk": {"S": f"item {n}"}}


ROWS = [row(n) for n in range(60)]
FIRST = [
    *(Write(key(n), row(n, "new"), row(n)) for n in range(10)),
    *(Write(key(n), None, row(n)) for n in range(10, 20)),
    *(Write(key(n), row(n, "new")) for n in range(100, 110)),
]
SECOND = [
    Write(key(0), None, row(0, "new")),
    Write(key(1), row(1, "newest"), row(1, "new")),
    Write(key(10), row(10, "back")),
]
AT_THE_END = [
    *(row(n, "new") for n in range(2, 10)),
    row(1, "newest"),
    row(10, "back"),
    *(row(n) for n in range(20, 60)),
    *(row(n, "new") for n in range(100, 110)),
]


def chain(*, both: bool = False, **more: Any) -> list[Export]:
    """A full export and two that follow."""
    return [
        full(ROWS, summary={"exportTime": T0}, **more),
        incremental(FIRST, FROM, T1, both=both, id="01715097984000-11111111", **more),
        incremental(SECOND, T1, T2, both=both, id="01715101584000-22222222", **more),
    ]


def manifests(folder: Path, found: list[Export]) -> dict[str, Any]:
    """A source that reads these, written as files."""
    for each in found:
        exports.write(folder / "s3", each.objects())
    keys = [str(folder / "s3" / each.manifest) for each in found]
    given = source("")
    del given["manifestKey"]
    return {**given, "manifestKeys": keys}


VIEWS = {"new images": {}, "both images": {"both": True}, "in Ion": {"ion": True}}


@pytest.mark.parametrize("view", VIEWS)
async def test_the_end_is_what_the_last_window_left(
    tmp_path: Path, standin: StandIn, table_name: str, migrate: Migrate, view: str
) -> None:
    given = manifests(tmp_path, chain(**VIEWS[view]))
    ending = await migrate(job(given, alternator(standin.url, table_name)))
    assert same_items(standin.items(table_name), AT_THE_END)
    counts = ending.done.items
    assert counts.read == counts.written == ending.done.expected == 60 + 30 + 3


async def test_what_left_the_filter_or_expired_is_deleted(
    tmp_path: Path, standin: StandIn, table_name: str, migrate: Migrate
) -> None:
    past, future = {"ttl": {"N": "1700000000"}}, {"ttl": {"N": "4102444800"}}
    writes = [
        Write(key(0), row(0, "expired", **past)),
        Write(key(1), row(1, "alive", **future)),
        Write(key(2), row(2, "unwanted")),
    ]
    given = manifests(
        tmp_path, [chain()[0], incremental(writes, FROM, T1, id="01715097984000-11111111")]
    )
    given["tableDescription"] = {**exports.DESCRIPTION, "ttlAttribute": "ttl"}
    given["filter"] = {"expression": "v <> :u", "values": {":u": "unwanted"}}
    renames = [{"from": "pk", "to": "id"}]
    content = job(given, alternator(standin.url, table_name), renames=renames)
    await migrate(content)
    found = {item["id"]["S"]: item["v"]["S"] for item in standin.items(table_name)}
    assert len(found) == 58
    assert found["item 1"] == "alive"


async def test_an_increment_goes_over_what_is_there_already(
    tmp_path: Path, standin: StandIn, table_name: str, command: Command
) -> None:
    first, *rest = chain()
    target = alternator(standin.url, table_name)
    assert (await command(job(manifests(tmp_path, [first]), target))).code == 0
    content = job(manifests(tmp_path, rest), target)
    refused = await command(content)
    assert refused.code == 2, "the target holds items"
    ending = await command(content, "--into-existing")
    assert ending.code == 0, ending.err
    assert same_items(standin.items(table_name), AT_THE_END)


async def test_increments_are_undone_the_last_one_first(
    tmp_path: Path, standin: StandIn, table_name: str, command: Command
) -> None:
    target = alternator(standin.url, table_name)
    assert (await command(job(manifests(tmp_path, chain(both=True)), target))).code == 0
    content = job({**manifests(tmp_path, chain(both=True)[1:]), "revert": True}, target)
    plan = await command(content, "--into-existing", word="plan")
    assert "to be undone, as of 2024-05-07T15:06:24Z" in plan.out
    ending = await command(content, "--into-existing", "--engine", "processes", "--workers", "2")
    assert ending.code == 0, ending.err
    assert same_items(standin.items(table_name), ROWS)
    assert ending.table["items"]["read"] == len(FIRST) + len(SECOND)


@pytest.mark.parametrize(
    ("found", "words"),
    [(lambda: chain(both=True), "is a full export"), (lambda: chain()[1:], "has no old images")],
)
async def test_what_cannot_be_undone_is_refused(
    tmp_path: Path, standin: StandIn, table_name: str, migrate: Migrate, found: Any, words: str
) -> None:
    given = {**manifests(tmp_path, found()), "revert": True}
    ending = await migrate(job(given, alternator(standin.url, table_name)))
    assert (ending.failure.exit_code, words in str(ending.failure)) == (2, True)
    assert table_name not in standin.store.tables


ALONE = {
    "changes alone": ({}, (), ()),
    "with a target that is not there": ({}, ("--into-existing",), ()),
    "into an empty one": ({}, (), ("pk",)),
    "undone": ({"revert": True}, (), ()),
    "undone where there is nothing": ({"revert": True}, ("--into-existing",), ()),
}


@pytest.mark.parametrize("word", ["plan", "run"])
@pytest.mark.parametrize("case", ALONE)
async def test_changes_alone_make_no_table(
    tmp_path: Path, standin: StandIn, table_name: str, command: Command, case: str, word: str
) -> None:
    more, options, there = ALONE[case]
    for name in there:
        await create_table(standin.url, table_name, {name: "S"})
    given = {**manifests(tmp_path, chain(both=True)[1:]), **more}
    ending = await command(job(given, alternator(standin.url, table_name)), *options, word=word)
    assert ending.code == 2, ending.err
    assert "is incremental, and holds changes only" in ending.err
    assert "--into-existing" in ending.err
    assert ("source.manifestKeys" in ending.err) == (not more)
    assert bool(there) == (table_name in standin.store.tables)
    assert not there or not standin.items(table_name)
    if word == "plan":
        assert "run     refused, exit code 2" in ending.out


@pytest.mark.parametrize("word", ["plan", "run"])
async def test_what_cannot_be_compared_after_it_is_not_copied(
    tmp_path: Path, standin: StandIn, table_name: str, command: Command, word: str
) -> None:
    first, *rest = chain()
    target = alternator(standin.url, table_name)
    assert (await command(job(manifests(tmp_path, [first]), target))).code == 0
    content = job(manifests(tmp_path, rest), target)
    ending = await command(content, "--into-existing", "--validate", word=word)
    assert (ending.code, "what it was based on is not known" in ending.err) == (2, True)
    assert same_items(standin.items(table_name), ROWS)


def other_table() -> list[Export]:
    one, two, _ = chain()
    return [one, exports.changed(two, summary={**two.summary, "tableId": "another"})]


REFUSED = {
    "changes are missing between two exports": lambda: [chain()[0], chain()[2]],
    "two exports overlap, or are out of order": lambda: [chain()[2], chain()[1]],
    "is a full export, and stands after": lambda: [
        chain()[1],
        exports.changed(chain()[0], id="01715097984001-33333333"),
    ],
    "two exports are of different tables": other_table,
}


@pytest.mark.parametrize("words", REFUSED)
async def test_exports_that_do_not_follow_one_another_are_refused(
    tmp_path: Path, standin: StandIn, table_name: str, migrate: Migrate, words: str
) -> None:
    given = manifests(tmp_path, REFUSED[words]())
    ending = await migrate(job(given, alternator(standin.url, table_name)))
    assert words in str(ending.failure)
    assert ending.failure.exit_code == 2
    assert table_name not in standin.store.tables
    if "missing" in words:
        assert "ends at 2024-05-07T15:06:24.115Z" in str(ending.failure)
        assert "begins at 2024-05-07T16:06:24Z" in str(ending.failure)

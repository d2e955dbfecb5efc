"""A user's function over exports: a full one, and incremental ones whose keys move."""

import time
from pathlib import Path

import pytest

from alternator_migrate.core.errors import MigrateError
from tests.e2e.test_exports_incremental import (
    AT_THE_END,
    FROM,
    ROWS,
    T0,
    T1,
    chain,
    key,
    manifests,
    row,
)
from tests.servers.client import Item
from tests.standin import StandIn
from tests.support import exports
from tests.support.exports import Write, full, incremental
from tests.support.jobs import Command, Migrate, alternator, job

MOVES = """
def transform(item):
    if item["n"] == 1:
        return None
    yield {**item, "pk": item["pk"] + "@" + item["v"]}
    if item["n"] == 2:
        yield {"pk": "twin of " + item["pk"]}
"""


@pytest.mark.parametrize("ion", [False, True])
async def test_old_images_tell_what_to_delete(
    tmp_path: Path, standin: StandIn, table_name: str, migrate: Migrate, ion: bool
) -> None:
    (tmp_path / "change.py").write_text(MOVES)
    given = manifests(tmp_path, chain(both=True, ion=ion))
    content = job(given, alternator(standin.url, table_name))
    ending = await migrate({**content, "transform": str(tmp_path / "change.py")})
    expected = {
        f"{item['pk']['S']}@{item['v']['S']}" for item in AT_THE_END if item["n"] != {"N": "1"}
    }
    expected.add("twin of item 2")
    assert {item["pk"]["S"] for item in standin.items(table_name)} == expected
    counts = ending.done.items
    assert counts.accounted
    assert counts.read == 60 + 30 + 3


async def test_without_old_images_a_key_may_not_move(
    tmp_path: Path, standin: StandIn, table_name: str, migrate: Migrate
) -> None:
    (tmp_path / "change.py").write_text(MOVES)
    given = manifests(tmp_path, chain())
    content = job(given, alternator(standin.url, table_name))
    failure = (await migrate({**content, "transform": str(tmp_path / "change.py")})).failure
    assert isinstance(failure, MigrateError)
    assert "another key, and a later deletion of it would not reach the target" in str(failure)
    assert "transform_key" in failure.hint


def _due(n: int, seconds: float) -> Item:
    return row(n, ttl={"N": str(round(time.time() + seconds))})


@pytest.mark.parametrize("revert", [False, True])
async def test_what_expired_after_its_copy_is_deleted_by_a_later_export(
    tmp_path: Path, standin: StandIn, table_name: str, command: Command, revert: bool
) -> None:
    """The copy was made while the items lived: the one of the full export has no TTL yet."""
    (tmp_path / "change.py").write_text("def transform(item):\n    return item\n")
    target, function = alternator(standin.url, table_name), str(tmp_path / "change.py")
    whole = manifests(tmp_path, [full(ROWS, summary={"exportTime": T0})])
    assert (await command(job(whole, target, transform=function))).code == 0
    past = {n: _due(n, -60) for n in range(3)}
    gone = [Write(key(n), None, past[n]) for n in (0, 1)]
    moved = [Write(key(2), row(2, "new"), past[2])]
    if revert:
        gone, moved = [Write(key(n), past[n], None) for n in (0, 1)], []
    writes = incremental([*gone, *moved], FROM, T1, both=True, id="01715097984000-11111111")
    given = manifests(tmp_path, [writes])
    given["tableDescription"] = {**exports.DESCRIPTION, "ttlAttribute": "ttl"}
    given["revert"] = revert
    ending = await command(job(given, target, transform=function), "--into-existing")
    assert ending.code == 0, ending.err
    found = {item["pk"]["S"]: item["v"]["S"] for item in standin.items(table_name)}
    expected = {f"item {n}": "old" for n in range(2, 60)}
    assert found == (expected if revert else {**expected, "item 2": "new"})

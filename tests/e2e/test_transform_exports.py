"""A user's function over exports: a full one, and incremental ones whose keys move."""

from pathlib import Path

import pytest

from alternator_migrate.core.errors import MigrateError
from tests.e2e.test_exports_incremental import AT_THE_END, chain, manifests
from tests.standin import StandIn
from tests.support.jobs import Migrate, alternator, job

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

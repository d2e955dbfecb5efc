"""Random tables arrive as they were."""

import asyncio
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.servers.client import Item, create_table, fill
from tests.standin import StandIn
from tests.support.jobs import Job, alternator, dynamodb, job
from tests.support.jobs import migrate as run
from tests.support.names import unique_name
from tests.support.shapes import TEXT_OR_BINARY, same_items, tables

CALM = settings(
    max_examples=8,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
# An Alternator tells apart numbers that are spelled differently, but only as hash keys, and gives
# them back in plain digits: a page after 1e3 cannot be asked for. So no numbers there.
ANY_KEYS = [*TEXT_OR_BINARY, {"pk": "N"}, {"pk": "N", "sk": "B"}]
RENAMES = [{"from": "pk", "to": "id"}, {"from": "size", "to": "ttl"}, {"from": "ttl", "to": "size"}]
NAMES = {"pk": "id", "size": "ttl", "ttl": "size"}


async def migrate(content: Job) -> None:
    """Migrate with the files in a folder that is deleted."""
    with tempfile.TemporaryDirectory() as folder:
        assert (await run(Path(folder), content)).done.items.accounted


@CALM
@given(table=tables(ANY_KEYS), segments=st.integers(1, 5))
def test_dynamodb_to_alternator(
    dynamodb_local: str,
    table: tuple[dict[str, str], list[Item]],
    segments: int,
) -> None:
    schema, content = table

    async def copy() -> None:
        async with StandIn() as target:
            name = unique_name("random")
            await create_table(dynamodb_local, name, schema)
            await fill(dynamodb_local, name, content)
            source = dynamodb(dynamodb_local, name, scanSegments=segments)
            await migrate(job(source, alternator(target.url, name)))
            assert same_items(target.items(name), content)

    asyncio.run(copy())


@CALM
@given(table=tables(TEXT_OR_BINARY), segments=st.integers(1, 5), batch=st.integers(1, 5))
def test_alternator_to_alternator_with_other_names(
    table: tuple[dict[str, str], list[Item]], segments: int, batch: int
) -> None:
    schema, content = table
    content = [item for item in content if "id" not in item]

    async def copy() -> None:
        async with StandIn(page_bytes=300) as source, StandIn() as target:
            await create_table(source.url, "table", schema)
            await fill(source.url, "table", content)
            there = alternator(target.url, "table", maxItemsPerBatch=batch)
            here = alternator(source.url, "table", scanSegments=segments)
            await migrate(job(here, there, renames=RENAMES))
            renamed = [{NAMES.get(n, n): value for n, value in it.items()} for it in content]
            assert same_items(target.items("table"), renamed)

    asyncio.run(copy())

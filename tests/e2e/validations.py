"""Validations in the test's process, and pairs of servers to validate between."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from alternator_migrate.config.loading import load
from alternator_migrate.core.counts import ValidationCounts
from alternator_migrate.core.progress import Progress
from alternator_migrate.validate.deletion import Ask
from alternator_migrate.validate.mode import ValidateOptions
from alternator_migrate.validate.run import ValidationRun
from tests.servers.client import Item, call, create_table, fill
from tests.servers.guarded import Guarded
from tests.standin import StandIn
from tests.support.jobs import Job, dynamodb, standin_side, write_config

SERVERS: Final = ("dynamodb_local", "moto", "standin")
PAIRS: Final = [*itertools.product(SERVERS, SERVERS), ("guarded", "guarded")]
QUICK: Final = [0.01, 0.02]
REGIONS: Final = {"source": "us-east-1", "target": "us-west-2"}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a validation found; `findings` are the lines of its file, `remarks` what it says."""

    validated: ValidationCounts
    findings: list[dict[str, Any]]
    remarks: list[str]

    @property
    def told(self) -> set[tuple[str, str, tuple[str, ...]]]:
        """Kind, key (as JSON) and attribute names of every finding."""
        return {
            (each["kind"], json.dumps(each["key"]), tuple(each["attributes"]))
            for each in self.findings
        }


async def validate(
    folder: Path,
    content: Job,
    wishes: ValidateOptions | None = None,
    *,
    fresh: bool = False,
    ask: Ask | None = None,
) -> Outcome:
    """Validate on the running event loop, with files in `folder`. Raises `MigrateError`."""
    content = {"validation": {"recheckSeconds": QUICK}, **content}
    loaded = load(write_config(folder, content), {})
    run = ValidationRun(loaded, wishes or ValidateOptions(), fresh=fresh, ask=ask)
    known = {*found_in(folder)}
    assert (await run.run(asyncio.Event(), _show_nothing)).is_final, "nobody stopped it"
    lines = [line for path in found_in(folder) if path not in known for line in read(path)]
    progress = run.progress()
    assert progress
    assert progress.validated
    return Outcome(progress.validated, lines, [*run.remarks()])


def found_in(folder: Path) -> list[Path]:
    """The findings files of validations in `folder`."""
    return sorted((folder / "savepoints").glob("findings_*.jsonl"))


def read(path: Path) -> list[dict[str, Any]]:
    """The lines of a findings file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@dataclass(frozen=True, slots=True)
class Place:
    """A table on one server."""

    url: str
    table: str
    side: Job
    region: str

    async def put(self, *items: Item) -> None:
        """Write items into it."""
        await fill(self.url, self.table, items, region=self.region)

    async def delete(self, *keys: Item) -> None:
        """Delete items from it."""
        for key in keys:
            body = {"TableName": self.table, "Key": key}
            await call(self.url, "DeleteItem", body, region=self.region)


@asynccontextmanager
async def two_tables(
    request: pytest.FixtureRequest,
    pair: Sequence[str],
    table: str,
    items: Sequence[Item],
    keys: dict[str, str] | None = None,
    **source: Any,
) -> AsyncIterator[tuple[Place, Place]]:
    """The same items in a table of either server of `pair`."""
    async with AsyncExitStack() as stack:
        places = []
        for role, server in zip(("source", "target"), pair, strict=True):
            more = source if role == "source" else {}
            if server in ("standin", "guarded"):
                kind = Guarded if server == "guarded" else StandIn
                opened = await stack.enter_async_context(kind(page_bytes=2000))
                url, side = opened.url, standin_side(opened, table, **more)
            else:
                second = role == "target" and server == "dynamodb_local"
                name = {"moto": "moto_server"}.get(server, server)
                url = request.getfixturevalue("dynamodb_local_target" if second else name)
                side = {**dynamodb(url, table, **more), "region": REGIONS[role]}
            place = Place(url, table, side, REGIONS[role])
            await create_table(url, table, keys, region=place.region)
            await place.put(*items)
            places.append(place)
        yield places[0], places[1]


async def _show_nothing(_: Callable[[], Progress]) -> None:
    await asyncio.Event().wait()

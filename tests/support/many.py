"""Many tables in one run: their configuration, and the command over it."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alternator_migrate.cli import tables
from alternator_migrate.config import load
from alternator_migrate.core.errors import MigrateError
from alternator_migrate.core.progress import Progress
from alternator_migrate.core.state import Status
from alternator_migrate.migration import MigrateOptions, Selection, Until
from tests.servers import faults
from tests.servers.cli import Cli, Result, running
from tests.servers.client import Item, create_table, fill, scan_all
from tests.servers.exchange import Exchange
from tests.servers.proxy import FaultProxy
from tests.standin import StandIn
from tests.support.jobs import KEYS
from tests.support.shapes import same_items

FAST = {"scanSegments": 2}
"""Few segments: an Alternator does not tell how small its tables are."""


def rows(count: int, mark: str = "") -> list[Item]:
    """Items with distinct keys."""
    return [{"pk": {"S": f"{mark}{n}"}, "n": {"N": str(n)}} for n in range(count)]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run in the test's process ended; `error` is None where nothing failed."""

    status: Status | None
    error: MigrateError | None
    tables: Sequence[Progress]

    @property
    def states(self) -> dict[str, str]:
        """The state of each table."""
        return {each.source: str(each.status) for each in self.tables}

    @property
    def failure(self) -> str:
        """The words of a run that must have failed."""
        assert self.error is not None, self
        return str(self.error)

    def reason(self, table: str) -> str:
        """Why a table failed."""
        (found,) = (each.error for each in self.tables if each.source == table)
        return found


async def make(url: str, tables: Mapping[str, int]) -> None:
    """Tables of so many items each."""
    for name, count in tables.items():
        await create_table(url, name)
        await fill(url, name, rows(count, name))


@dataclass(frozen=True, slots=True)
class Many:
    """A source, a stand-in or another server with a `url`, a stand-in as the target, and a folder
    for the command's files."""

    folder: Path
    source: Any
    target: StandIn

    def write(self, section: Mapping[str, Any], **more: Any) -> None:
        """Write `config.yaml`; `more` are keys of the sides, such as `source_readThroughput`."""
        sides: dict[str, dict[str, Any]] = {
            "source": {**_side(self.source), **FAST},
            "target": _side(self.target),
        }
        top: dict[str, Any] = {"savepoints": {"path": str(self.folder / "savepoints")}}
        for name, value in more.items():
            side, _, key = name.partition("_")
            if key and side in sides:
                sides[side][key] = value
            else:
                top[name] = value
        text = json.dumps({**sides, "tables": section, **top})  # JSON is YAML
        (self.folder / "config.yaml").write_text(text)

    async def run(
        self, *, into_existing: bool = False, until: bool = False, **selection: Any
    ) -> Outcome:
        """`run` in the test's process, following `until` caught up; `selection` are options such
        as `only`."""
        loaded = load(self.folder / "config.yaml", {})
        options = MigrateOptions(
            into_existing=into_existing,
            fresh=bool(selection.get("fresh")),
            until=Until(caught_up=until),
        )
        copy = tables.Copy(options=options)
        run = tables.copying(loaded, Selection(**selection), copy)
        try:
            status = await run.run(asyncio.Event(), show_nothing)
        except MigrateError as error:
            return Outcome(None, error, run.tables())
        return Outcome(status, None, run.tables())

    def running(self, word: str, *args: str) -> Any:
        """The command as it runs, see `running`."""
        (self.folder / "summary.json").unlink(missing_ok=True)
        return running(self.folder, word, "config.yaml", *args)

    async def command(self, word: str, *args: str, seconds: float = 60) -> Result:
        """The command to its end; `run` and `validate` write a summary."""
        summary = ("--summary-json", "summary.json") if word in ("run", "validate") else ()
        async with self.running(word, *summary, *args) as cli:
            result: Result = await _waited(cli, seconds)
            return result

    @property
    def summary(self) -> dict[str, Any]:
        """The summary of the last command."""
        return dict(json.loads((self.folder / "summary.json").read_text()))

    @property
    def states(self) -> dict[str, str]:
        """The state of each table in the summary."""
        return {each["source"]: each["state"] for each in self.summary["tables"]}

    @property
    def run_file(self) -> dict[str, Any]:
        """The run file, of which there is one."""
        (path,) = (self.folder / "savepoints").glob("tables_*.json")
        return dict(json.loads(path.read_text()))

    async def check(self, names: Sequence[str], to: Mapping[str, str] | None = None) -> None:
        """Fail unless all items of these tables are on the target, under their names there."""
        for name in names:
            there = await scan_all(self.target.url, (to or {}).get(name, name))
            assert same_items(there, await scan_all(self.source.url, name)), name


@asynccontextmanager
async def refusing(
    many: Many, section: Mapping[str, Any], bad: Mapping[str, int], **more: Any
) -> AsyncIterator[set[str]]:
    """Tables of 5 items and of so many bad ones, which the target refuses while the set has
    `"bad"`; and `config.yaml` for them."""
    refused = {"bad"}
    await make(many.source.url, dict.fromkeys(bad, 5))
    for name, count in bad.items():
        await fill(many.source.url, name, rows(count, "bad"))

    def is_refused(exchange: Exchange) -> bool:
        return any(f'"{name}'.encode() in exchange.body for name in refused)

    async with FaultProxy(many.target.url) as proxy:
        proxy.always(is_refused, faults.validation())
        many.write(section, target_endpoint={"url": proxy.url}, **more)
        yield refused


async def show_nothing(_: Callable[[], Progress]) -> None:
    """A display that shows nothing."""
    await asyncio.Event().wait()


def _side(server: Any) -> dict[str, Any]:
    """A side at a stand-in, or another server; a table is not named."""
    keys = {"credentials": KEYS} if getattr(server, "auth", None) else {}
    return {"type": "alternator", "endpoint": {"url": server.url}, **keys}


async def _waited(cli: Cli, seconds: float) -> Result:
    return await cli.wait(seconds)

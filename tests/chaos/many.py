"""Play one schedule over four tables in one run, and prove each of them afterwards."""

import json
from pathlib import Path
from typing import Any

from tests.chaos.play import LostError, Outcome, Stage, break_things, make_source, sample
from tests.chaos.schedule import Schedule
from tests.servers.proxy import FaultProxy
from tests.standin import StandIn
from tests.support.shapes import same_items

SHARES = (8, 4, 2, 1)
"""Of every fifteen items so many are in each table."""
Tables = dict[str, list[dict[str, Any]]]


async def play_many(schedule: Schedule, folder: Path) -> Outcome:
    """Raises `LostError` unless after all that goes wrong every target table equals its source."""
    async with StandIn(page_bytes=schedule.page_bytes) as source, StandIn(nodes=3) as target:
        tables = dealt(schedule)
        for name, items in tables.items():
            await make_source(source, schedule, items, name)
        async with FaultProxy(source.url) as proxy:
            break_things(schedule, proxy, target)
            stage = ManyStage(schedule, folder, proxy, target)
            stage.write_config()
            await stage.play_out()
        stage.prove_all(tables)
        return stage.outcome


def dealt(schedule: Schedule) -> Tables:
    """The items of a schedule, dealt to four tables."""
    tables: Tables = {f"Chaos-{n}": [] for n in range(len(SHARES))}
    turns = [name for name, share in zip(tables, SHARES, strict=True) for _ in range(share)]
    for number, item in enumerate(sample(schedule)):
        tables[turns[number % len(turns)]].append(item)
    return tables


class ManyStage(Stage):
    """A schedule over many tables while it is played."""

    def write_config(self) -> None:
        """The configuration of every run."""
        super().write_config()
        path = self._folder / "config.yaml"
        content = json.loads(path.read_text())
        for side in ("source", "target"):
            del content[side]["table"]
        content["tables"] = {"include": ["Chaos-*"], "concurrency": 1 + self._schedule.seed % 3}
        path.write_text(json.dumps(content))

    def prove_all(self, tables: Tables) -> None:
        """Every table equals its source, the accounts are right, and all is said to be done."""
        told = {each["source"]: each for each in self._summary["tables"]}
        expired = {item["pk"]["S"] + str(item.get("sk")) for item in self._expired}
        for name, items in tables.items():
            live = [i for i in items if i["pk"]["S"] + str(i.get("sk")) not in expired]
            if not same_items(self._target.items(name), live):
                raise LostError(f"the target differs from the source in {name}")
            counts = {key: told[name]["items"][key] for key in ("read", "written", "rejected")}
            if counts != {"read": len(items), "written": len(live), "rejected": 0}:
                raise LostError(f"the accounts of {name} say {counts}")
        (path,) = (self._folder / "savepoints").glob("tables_*.json")
        states = {each["state"] for each in json.loads(path.read_text())["tables"]}
        if states != {"completed"}:
            raise LostError(f"the run file says {states}")
        if left := list((self._folder / "savepoints").rglob("*.tmp")):
            raise LostError(f"left behind: {left}")

    @property
    def _expired(self) -> list[dict[str, Any]]:
        return sample(self._schedule)[: self._schedule.expired]

"""Play one schedule with exports in an S3 as the source, and prove the target afterwards."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.chaos.play import LostError, Outcome, Stage, break_things, sample
from tests.chaos.schedule import Schedule
from tests.servers import faults
from tests.servers.client import Item
from tests.servers.exchange import Exchange
from tests.servers.proxy import FaultProxy
from tests.standin import StandIn
from tests.support import exports
from tests.support.exports import Export, Write
from tests.support.names import unique_name
from tests.support.shapes import same_items

OF_OBJECTS = ("truncate", "service_unavailable_503", "reset_before", "reset_after")
MOST_FILES = 16
GONE = 20
"""So many items are deleted by an incremental export."""
UNTIL = ("2024-05-07T15:06:24.000Z", "2024-05-07T16:06:24.000Z")


@dataclass(frozen=True, slots=True)
class Exported:
    """Exports of a table, in their order, whose records are `read`; `items` are those that it holds
    at the end, of which `skipped` have expired."""

    exports: list[Export]
    read: int
    items: list[Item]
    skipped: int


def exported(schedule: Schedule) -> Exported:
    """The exports of a schedule: a full one, and by every second seed what changed after it."""
    items, expired = sample(schedule), schedule.expired
    files = min(schedule.segments, MOST_FILES)
    ion = schedule.seed % 3 == 0
    if schedule.seed % 2:
        full = exports.full(items, files, ion=ion)
        return Exported([full], len(items), items[expired:], expired)
    changed = [n for n in range(expired, len(items)) if n % 5 == 0]
    older = [
        {**item, "text": {"S": "old"}} if n in changed else item for n, item in enumerate(items)
    ]
    gone = [_of_none(items[-1], number) for number in range(GONE)]
    writes = [Write(_key(items[n]), items[n]) for n in changed]
    writes += [Write(_key(item), None) for item in gone]
    full = exports.full([*older, *gone], files, ion=ion)
    window = exports.incremental(writes, *UNTIL, files=files, ion=ion, id="01715097984000-5d1f9a3c")
    read = len(items) + len(gone) + len(writes)
    return Exported([full, window], read, items[expired:], expired)


def _key(item: Item) -> Item:
    return {name: item[name] for name in ("pk", "sk") if name in item}


def _of_none(item: Item, number: int) -> Item:
    """An item of a key that no other has."""
    return {**item, "pk": {"S": f"gone-{number}"}}


async def play_export(schedule: Schedule, folder: Path, s3: str) -> Outcome:
    """Raises `LostError` unless after all that goes wrong the target has what the exports amount
    to. `s3` is the URL of a server."""
    bucket, found = (
        unique_name(f"chaos{schedule.seed}").lower().replace("_", "-"),
        exported(schedule),
    )
    for each in found.exports:
        await exports.upload(s3, bucket, each.objects())
    async with StandIn(nodes=3) as target, FaultProxy(s3) as proxy:
        break_things(schedule, proxy, target)
        for place, name in enumerate(OF_OBJECTS):
            rate = 0.03 * (1 + (schedule.seed + place) % 4)
            proxy.sometimes(_of_data, getattr(faults, name)(), rate, schedule.seed * 100 + place)
        stage = ExportStage(schedule, folder, proxy, target)
        stage.write_export_config(found, bucket)
        await stage.play_out()
        stage.prove_export(found)
        return stage.outcome


def _of_data(exchange: Exchange) -> bool:
    return exchange.request.method == "GET" and exchange.request.path.endswith(".gz")


class ExportStage(Stage):
    """A schedule over exports while it is played."""

    def write_export_config(self, found: Exported, bucket: str) -> None:
        """The configuration of every run."""
        self.write_config()
        path = self._folder / "config.yaml"
        content = json.loads(path.read_text())
        names = {"pk": "S", "sk": "N"} if self._schedule.composite else {"pk": "S"}
        roles = zip(names, ("HASH", "RANGE"), strict=False)
        described = {
            "attributeDefinitions": [{"name": n, "type": kind} for n, kind in names.items()],
            "keySchema": [{"name": name, "type": role} for name, role in roles],
            "ttlAttribute": "ttl",
        }
        source = exports.bucket_source(self._proxy.url, "", bucket, tableDescription=described)
        del source["manifestKey"]
        source["manifestKeys"] = [each.manifest for each in found.exports]
        content["source"] = {**source, "maxMapTasks": self._schedule.readers}
        path.write_text(json.dumps(content))

    def prove_export(self, found: Exported) -> None:
        """The target has what the exports amount to, and the accounts are right."""
        if not same_items(self._target.items("Chaos"), found.items):
            raise LostError("the target differs from the exports")
        counts: dict[str, Any] = self._summary["tables"][0]["items"]
        written = found.read - found.skipped
        wanted = {"read": found.read, "written": written, "skipped_expired": found.skipped}
        if counts != {**wanted, "rejected": 0}:
            raise LostError(f"the accounts say {counts}, and should {wanted}")
        self.prove_rest()

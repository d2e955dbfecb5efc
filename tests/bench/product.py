"""Runs `alternator-migrate` as users do, and does not believe it: the sink's counts decide."""

import itertools
import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench.children import Certificate, NotMeasuredError, Server, Usage, measure, server

COMMAND = (sys.executable, "-m", "alternator_migrate")
RUN_SECONDS = 900
NUMBERS = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Ends:
    """The ends of a copy: a source whose table `Example` has `items` items, and a sink."""

    source: Server
    sink: Server
    items: int


@contextmanager
def canned(
    items: int, *source_options: str, certificate: Certificate | None = None
) -> Iterator[Ends]:
    """Fresh canned servers."""
    options = ("--items", str(items), *source_options)
    with (
        server("source", *options, certificate=certificate) as source,
        server("sink", certificate=certificate) as sink,
    ):
        yield Ends(source, sink, items)


def run(ends: Ends, batch: int, segments: int | None = None) -> Usage:
    """One whole `alternator-migrate run` with at most `batch` items a batch, by so many segments
    (None: as many as it likes).

    Raises NotMeasuredError if it fails, or if not every item arrived at the sink.
    """
    before = ends.sink.stats()["items"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        config, summary = folder / "config.yaml", folder / "summary.json"
        config.write_text(json.dumps(settings(ends, batch, segments, folder)))  # JSON is YAML
        options = ("--summary-json", str(summary), "--progress", "none")
        usage = measure((*COMMAND, "run", str(config), *options), RUN_SECONDS)
        written = json.loads(summary.read_text())["tables"][0]["items"]["written"]
    arrived = ends.sink.stats()["items"] - before
    if not written == arrived == ends.items:
        counts = f"{ends.items} items at the source, {written} said written, {arrived} arrived"
        raise NotMeasuredError(counts)
    return usage


def settings(ends: Ends, batch: int, segments: int | None, folder: Path) -> dict[str, Any]:
    """The configuration of one run; both ends are signed, the target table is a new one."""
    source = _side("dynamodb", ends.source, "Example")
    if segments:
        source["scanSegments"] = segments
    target = _side("alternator", ends.sink, f"Copy{next(NUMBERS)}")
    return {
        "source": source,
        "target": target | {"maxItemsPerBatch": batch},
        "savepoints": {"path": str(folder / "savepoints")},
    }


def _side(kind: str, at: Server, table: str) -> dict[str, Any]:
    endpoint = {"url": at.url}
    if at.certificate:
        endpoint["caBundle"] = str(at.certificate.cert)
    credentials = {"accessKey": "a", "secretKey": "b"}
    place = {"table": table, "region": "us-east-1"}
    return {"type": kind, **place, "endpoint": endpoint, "credentials": credentials}

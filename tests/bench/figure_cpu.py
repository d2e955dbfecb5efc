"""CPU an item and items a second of whole runs, beside a plain aioboto3 copy in turn with them."""

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median

from tests.bench import product
from tests.bench.children import (
    Certificate,
    NotMeasuredError,
    cpu_seconds,
    make_certificate,
    measure,
)
from tests.bench.product import Ends, canned
from tests.bench.rows import Extent, Figure, Row

TITLE = "CPU an item of a whole run, start-up included, beside that of a plain aioboto3 copy alone"
PLAIN_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Target:
    """What is asked with `batch` items a batch: at most 1/`fraction` of the plain copy's CPU, and
    `rate` items a second. A full measurement copies `items`."""

    batch: int
    fraction: int
    rate: int
    items: int


TARGETS = (Target(25, 10, 50_000, 1_000_000), Target(100, 30, 150_000, 3_000_000))


@dataclass(frozen=True, slots=True)
class Sample:
    """One copy: CPU microseconds an item, items a second, percent of their core servers used."""

    micros: float
    rate: float
    busy: float


def figure(extent: Extent) -> Figure:
    """Both batch sizes over HTTP and TLS; three turns each, or one if quick."""
    rows = list(_rows("HTTP", None, extent))
    try:
        certificate = make_certificate(extent.folder)
    except NotMeasuredError as error:
        rows.append(Row("TLS", None, "", note=f"skipped: {error}"))
    else:
        rows += _rows("TLS", certificate, extent)
    return Figure(TITLE, rows)


def _rows(transport: str, certificate: Certificate | None, extent: Extent) -> Iterator[Row]:
    for target in TARGETS:
        items = extent.items or target.items // (2 if extent.quick else 1)
        few = min(items, 8_000 if extent.quick else 20_000)
        plain, ours = [], []
        with (
            canned(few, certificate=certificate) as short,
            canned(items, certificate=certificate) as long,
        ):
            for _ in range(1 if extent.quick else 3):
                plain.append(plain_sample(short, target.batch))
                ours.append(our_sample(long, target.batch))
        what = f"{target.batch} a batch, {transport}"
        yield from _compare(what, target, _middle(ours), _middle(plain))


def _middle(samples: list[Sample]) -> Sample:
    return Sample(
        median(sample.micros for sample in samples),
        median(sample.rate for sample in samples),
        median(sample.busy for sample in samples),
    )


def _compare(what: str, target: Target, ours: Sample, plain: Sample) -> Iterator[Row]:
    yield Row(
        f"{what}: CPU an item",
        ours.micros,
        "us",
        plain.micros,
        f"<= 1/{target.fraction}",
        ours.micros * target.fraction <= plain.micros,
    )
    yield Row(
        f"{what}: items a second",
        ours.rate,
        "/s",
        plain.rate,
        f">= {target.rate:,}",
        ours.rate >= target.rate,
    )
    yield Row(f"{what}: servers' core in use", ours.busy, "%")


def our_sample(ends: Ends, batch: int) -> Sample:
    """One whole run of the product; its rate is over the whole time of the process."""
    before = _servers_cpu(ends)
    used = product.run(ends, batch)
    busy = (_servers_cpu(ends) - before) / used.wall * 100
    return Sample(used.cpu / ends.items * 1e6, ends.items / used.wall, busy)


def plain_sample(ends: Ends, batch: int) -> Sample:
    """One plain copy, measured by itself and without its imports, which favours it."""
    urls = ("--source", ends.source.url, "--target", ends.sink.url)
    command = [sys.executable, "-m", "tests.bench.plain_copy", *urls, "--batch", str(batch)]
    if ends.sink.certificate:
        command += ["--ca-bundle", str(ends.sink.certificate.cert)]
    before = _servers_cpu(ends)
    copied = json.loads(measure(command, PLAIN_SECONDS).output)
    busy = (_servers_cpu(ends) - before) / copied["seconds"] * 100
    if copied["items"] != ends.items:
        raise NotMeasuredError(f"the plain copy copied {copied['items']} of {ends.items} items")
    return Sample(copied["cpu_seconds"] / ends.items * 1e6, ends.items / copied["seconds"], busy)


def _servers_cpu(ends: Ends) -> float:
    return cpu_seconds(ends.source.pid) + cpu_seconds(ends.sink.pid)

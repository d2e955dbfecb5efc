"""python -m tests.bench: measures every figure and prints it beside its target."""

import argparse
import json
import platform
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.bench import (
    figure_cpu,
    figure_engines,
    figure_export,
    figure_follow,
    figure_local,
    figure_memory,
    figure_monitor,
    figure_partitions,
    figure_savepoints,
    figure_startup,
    figure_tables,
    figure_transform,
    figure_validate,
    figure_writers,
)
from tests.bench.children import CLIENT_CORE, CORES, SERVER_CORE, NotMeasuredError
from tests.bench.rows import Extent, Figure, Row

FIGURES: dict[str, Callable[[Extent], Figure]] = {
    "startup": figure_startup.figure,
    "memory": figure_memory.figure,
    "cpu": figure_cpu.figure,
    "local": figure_local.figure,
    "savepoints": figure_savepoints.figure,
    "follow": figure_follow.figure,
    "writers": figure_writers.figure,
    "partitions": figure_partitions.figure,
    "engines": figure_engines.figure,
    "validate": figure_validate.figure,
    "transform": figure_transform.figure,
    "monitor": figure_monitor.figure,
    "export": figure_export.figure,
    "tables": figure_tables.figure,
}


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench", description="measure the figures"
    )
    parser.add_argument("--quick", action="store_true", help="small counts, one turn each")
    parser.add_argument("--only", choices=FIGURES, action="append", help="repeatable")
    parser.add_argument("--items", type=int, help="copy so many items in place of a figure's own")
    parser.add_argument("--json", type=Path, metavar="PATH", help="write the rows there too")
    parser.add_argument("--check", action="store_true", help="exit 1 if a target is missed")
    return parser.parse_args()


def measured(name: str, extent: Extent) -> Figure:
    """The figure; one that cannot be had misses its targets and says why."""
    try:
        return FIGURES[name](extent)
    except NotMeasuredError as error:
        return Figure(
            name.capitalize(), [Row("not measured", None, "", holds=False, note=str(error))]
        )


def main() -> int:
    """Measure what was asked; returns the exit code."""
    options = parse()
    print(f"Python {platform.python_version()}, client on core {CLIENT_CORE}, ", end="")
    print(f"servers on core {SERVER_CORE} of {len(CORES)}\n", flush=True)
    figures: dict[str, Figure] = {}
    with TemporaryDirectory() as folder:
        extent = Extent(options.quick, options.items, Path(folder))
        for name in options.only or FIGURES:
            figures[name] = measured(name, extent)
            print(figures[name].text(), flush=True)
    if options.json:
        options.json.write_text(
            json.dumps({name: asdict(found) for name, found in figures.items()})
        )
    missed = any(row.holds is False for found in figures.values() for row in found.rows)
    return int(missed and options.check)


if __name__ == "__main__":
    sys.exit(main())

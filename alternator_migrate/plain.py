"""Standings and comparisons as plain values, as savepoints have them, and back."""

import base64
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from alternator_migrate import wire
from alternator_migrate.model import Comparison, Counts, Standing, Verdict


def of_standing(standing: Standing) -> dict[str, Any]:
    """All of a standing but its done segments."""
    return {
        "positions": {str(segment): json.loads(key) for segment, key in standing.positions.items()},
        "items": asdict(standing.items),
        "bytesRead": standing.bytes_read,
        "batches": standing.batches,
    }


def standing(values: Mapping[str, Any], done: Iterable[int]) -> Standing:
    """The standing that `of_standing` made `values` of. Raises `LookupError` and the like."""
    return Standing(
        done=frozenset(done),
        positions={int(n): wire.to_json(key) for n, key in values["positions"].items()},
        items=Counts(**values["items"]),
        bytes_read=values["bytesRead"],
        batches=values["batches"],
    )


def of_comparison(found: Comparison) -> dict[str, Any]:
    """A comparison; the state of its digests in base64."""
    return {
        "stage": found.stage,
        "now": found.now,
        "seed": found.seed,
        "segments": found.segments,
        "sampled": found.sampled,
        "sides": {
            role: {"done": sorted(each.done), **of_standing(each)}
            for role, each in found.sides.items()
        },
        "digests": base64.b64encode(found.digests).decode(),
        "verdict": asdict(found.verdict),
        "findings": found.findings,
        "findingsSize": found.findings_size,
    }


def comparison(values: Mapping[str, Any]) -> Comparison:
    """The comparison that `of_comparison` made `values` of. Raises `LookupError` and the like."""
    return Comparison(
        stage=values["stage"],
        now=values["now"],
        seed=values["seed"],
        segments=values["segments"],
        sampled=values["sampled"],
        sides={role: standing(each, each["done"]) for role, each in values["sides"].items()},
        digests=base64.b64decode(values["digests"]),
        verdict=Verdict(**values["verdict"]),
        findings=values["findings"],
        findings_size=values["findingsSize"],
    )

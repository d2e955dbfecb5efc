"""Standings and comparisons as plain values, as savepoints have them, and back."""

import base64
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any, Final

from alternator_migrate import wire
from alternator_migrate.changes import ChangeCounts, SpoolStanding, StreamStanding
from alternator_migrate.model import (
    Comparison,
    Counts,
    Standing,
    Verdict,
)

_ENDED: Final = "ended"


def of_standing(standing: Standing) -> dict[str, Any]:
    """All of a standing but its done segments."""
    return {
        "positions": {str(segment): json.loads(key) for segment, key in standing.positions.items()},
        "items": asdict(standing.items),
        "bytesRead": standing.bytes_read,
        "batches": standing.batches,
        "stream": _stream(standing.stream) if standing.stream else None,
    }


def standing(values: Mapping[str, Any], done: Iterable[int]) -> Standing:
    """The standing that `of_standing` made `values` of. Raises `LookupError` and the like."""
    return Standing(
        done=frozenset(done),
        positions={int(n): wire.to_json(key) for n, key in values["positions"].items()},
        items=Counts(**values["items"]),
        bytes_read=values["bytesRead"],
        batches=values["batches"],
        stream=_stream_standing(values.get("stream")),
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


def _stream(standing: StreamStanding) -> dict[str, Any]:
    spool = standing.spool
    return {
        "arn": standing.arn,
        "enabledByUs": standing.enabled_here,
        "snapshot": standing.snapshot,
        "phase": standing.phase,
        "shards": {**standing.shards, **dict.fromkeys(sorted(standing.ended), _ENDED)},
        "placedAt": round(standing.placed_at, 3),
        "freshAt": round(standing.fresh_at, 3),
        "lagSeconds": standing.lag,
        "changes": asdict(standing.counts),
        "spool": asdict(spool) if spool else None,
    }


def _stream_standing(found: Mapping[str, Any] | None) -> StreamStanding | None:
    if found is None:
        return None
    shards, spool = found["shards"], found["spool"]
    return StreamStanding(
        arn=found["arn"],
        enabled_here=found["enabledByUs"],
        snapshot=found["snapshot"],
        phase=found["phase"],
        shards={shard: position for shard, position in shards.items() if position != _ENDED},
        ended=frozenset(shard for shard, position in shards.items() if position == _ENDED),
        placed_at=found["placedAt"],
        fresh_at=found["freshAt"],
        lag=found["lagSeconds"],
        counts=ChangeCounts(**found["changes"]),
        spool=SpoolStanding(
            folder=spool["folder"],
            files={int(part): (each[0], each[1]) for part, each in spool["files"].items()},
            replayed={int(part): end for part, end in spool["replayed"].items()},
            changes=spool["changes"],
        )
        if spool
        else None,
    )

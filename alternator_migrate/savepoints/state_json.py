"""States of copies and validations as plain values, as savepoints have them, and back."""

import base64
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any, Final

from alternator_migrate.core.counts import ChangeCounts, Counts, ValidationCounts
from alternator_migrate.core.state import (
    CopyState,
    ExportState,
    FollowPhase,
    FollowState,
    SpoolState,
    ValidationState,
)
from alternator_migrate.dynamodb import items

_ENDED: Final = "ended"


def of_standing(state: CopyState) -> dict[str, Any]:
    """All of a copy's state but its done segments."""
    return {
        "positions": {str(segment): json.loads(key) for segment, key in state.positions.items()},
        "items": state.items.figures(),
        "bytesRead": state.bytes_read,
        "batches": state.batches,
        "stream": _stream(state.stream) if state.stream else None,
    }


def state(values: Mapping[str, Any], done: Iterable[int]) -> CopyState:
    """The state that `of_standing` made `values` of. Raises `LookupError` and the like."""
    return CopyState(
        done=frozenset(done),
        positions={int(n): items.to_json(key) for n, key in values["positions"].items()},
        items=Counts(**values["items"]),
        bytes_read=values["bytesRead"],
        batches=values["batches"],
        stream=_stream_standing(values.get("stream")),
    )


def of_comparison(found: ValidationState) -> dict[str, Any]:
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
        "verdict": asdict(found.validated),
        "findings": found.findings,
        "findingsSize": found.findings_size,
    }


def comparison(values: Mapping[str, Any]) -> ValidationState:
    """The comparison that `of_comparison` made `values` of. Raises `LookupError` and the like."""
    return ValidationState(
        stage=values["stage"],
        now=values["now"],
        seed=values["seed"],
        segments=values["segments"],
        sampled=values["sampled"],
        sides={role: state(each, each["done"]) for role, each in values["sides"].items()},
        digests=base64.b64decode(values["digests"]),
        validated=ValidationCounts(**values["verdict"]),
        findings=values["findings"],
        findings_size=values["findingsSize"],
    )


def of_export(state: ExportState) -> dict[str, Any]:
    """The export that a table is copied from."""
    return {**asdict(state), "manifests": list(state.manifests)}


def export(values: Mapping[str, Any]) -> ExportState:
    """The export that `of_export` made `values` of. Raises `LookupError` and the like."""
    return ExportState(**{**values, "manifests": tuple(values["manifests"])})


def _stream(state: FollowState) -> dict[str, Any]:
    spool = state.spool
    return {
        "arn": state.arn,
        "enabledByUs": state.enabled_here,
        "snapshot": state.snapshot,
        "phase": state.phase,
        "shards": {**state.shards, **dict.fromkeys(sorted(state.ended), _ENDED)},
        "placedAt": round(state.placed_at, 3),
        "freshAt": round(state.watermark, 3),
        "lagSeconds": None if state.lag is None else round(state.lag, 3),
        "changes": state.counts.figures(),
        "spool": asdict(spool) if spool else None,
    }


def _stream_standing(found: Mapping[str, Any] | None) -> FollowState | None:
    if found is None:
        return None
    shards, spool = found["shards"], found["spool"]
    return FollowState(
        arn=found["arn"],
        enabled_here=found["enabledByUs"],
        snapshot=found["snapshot"],
        phase=FollowPhase(found["phase"]),
        shards={shard: position for shard, position in shards.items() if position != _ENDED},
        ended=frozenset(shard for shard, position in shards.items() if position == _ENDED),
        placed_at=found["placedAt"],
        watermark=found["freshAt"],
        lag=found["lagSeconds"],
        counts=ChangeCounts(**found["changes"]),
        spool=SpoolState(
            folder=spool["folder"],
            files={int(part): (each[0], each[1]) for part, each in spool["files"].items()},
            replayed={int(part): end for part, end in spool["replayed"].items()},
            changes=spool["changes"],
        )
        if spool
        else None,
    )

"""Savepoints as text: JSON that is YAML, without secrets."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from alternator_migrate.core.state import CopyState, ExportState, Status, ValidationState
from alternator_migrate.savepoints import foreign, state_json

_RAW_IS_NO_YAML = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]")
_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Savepoint:
    """The state of a migration or a validation at one moment.

    `migration` identifies what is copied where; `shape` what of the configuration decides which
    items arrive, and how. `source_id` and `target_id` are the tables' own identities ("" while
    unknown). `skipped` are the segments that the configuration leaves out and no run of this
    migration copied; None in savepoints of versions that did not tell these from the ones that are
    done. `seconds` is the time all its runs took; `written` is epoch seconds. That of a validation
    has a `comparison`, and its `state` says nothing. `transform` is the SHA-256 of the code of the
    transform, "" without one. That of a table which is copied from an `export` has 0 segments until
    its data files are known. `over_items_at` is when (epoch seconds) a copy into a target that held
    items began, 0 where it held none.
    """

    configuration: Mapping[str, Any]
    migration: str
    shape: str
    segments: int
    source_id: str
    target_id: str = ""
    state: CopyState = field(default_factory=CopyState)
    status: Status = Status.RUNNING
    seconds: float = 0.0
    written: float = 0.0
    config_file: str | None = None
    rejects: str | None = None
    comparison: ValidationState | None = None
    skipped: frozenset[int] | None = frozenset()
    transform: str = ""
    export: ExportState | None = None
    over_items_at: float = 0.0


def encode(savepoint: Savepoint) -> bytes:
    """The text of a savepoint file."""
    state = savepoint.state
    configuration = {**savepoint.configuration}
    if savepoint.comparison is None and savepoint.export is None:
        configuration["source"] = {
            **configuration.get("source", {}),
            "scanSegments": savepoint.segments,
        }
        configuration["skipSegments"] = sorted(state.done | (savepoint.skipped or frozenset()))
    progress: dict[str, Any] = {
        "version": _VERSION,
        "migration": savepoint.migration,
        "shape": savepoint.shape,
        "status": savepoint.status,
        "sourceTableId": savepoint.source_id,
        "targetTableId": savepoint.target_id,
        "skipped": None if savepoint.skipped is None else sorted(savepoint.skipped),
        **state_json.of_standing(state),
        "seconds": round(savepoint.seconds, 3),
        "written": round(savepoint.written, 3),
        "configFile": savepoint.config_file,
        "rejects": savepoint.rejects,
    }
    if savepoint.export:
        # what was done of an export's data files says nothing of a scan's segments
        progress["export"] = state_json.of_export(savepoint.export)
        progress |= {"segments": savepoint.segments, "done": sorted(state.done)}
    if savepoint.transform:
        progress["transform"] = savepoint.transform
    if savepoint.over_items_at:
        progress["overItemsAt"] = round(savepoint.over_items_at, 3)
    if lacks := foreign.what_it_lacks(savepoint.configuration):
        progress = {"scyllaMigrator": lacks, **progress}
    if savepoint.comparison:
        progress["validation"] = state_json.of_comparison(savepoint.comparison)
    text = json.dumps({**configuration, "progress": progress}, indent=1, ensure_ascii=False)
    return _RAW_IS_NO_YAML.sub(lambda found: f"\\u{ord(found[0]):04x}", text).encode()


def decode(text: bytes | str) -> Savepoint:
    """A savepoint from its text. Raises `ValueError` for anything else, `ForeignFileError` for a
    savepoint of ScyllaDB Migrator."""
    foreign.check(text.encode() if isinstance(text, str) else text)
    try:
        whole = json.loads(text)
        progress = whole.pop("progress")
        if progress["version"] != _VERSION:
            raise ValueError(
                f"it has version {progress['version']}, and this tool reads {_VERSION}"
            )
        compared = progress.get("validation")
        comparison = state_json.comparison(compared) if compared else None
        exported = progress.get("export")
        skipped = _skipped(progress)
        return Savepoint(
            configuration=whole,
            migration=progress["migration"],
            shape=progress["shape"],
            segments=comparison.segments if comparison else _segments(whole, progress),
            source_id=progress["sourceTableId"],
            target_id=progress["targetTableId"],
            state=state_json.state(progress, () if comparison else _done(whole, progress)),
            status=Status(progress["status"]),
            seconds=progress["seconds"],
            written=progress["written"],
            config_file=progress["configFile"],
            rejects=progress["rejects"],
            comparison=comparison,
            skipped=skipped,
            transform=progress.get("transform", ""),
            export=state_json.export(exported) if exported else None,
            over_items_at=progress.get("overItemsAt", 0.0),
        )
    except (LookupError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"it is not a savepoint ({error!r})") from error


def _segments(whole: Mapping[str, Any], progress: Mapping[str, Any]) -> int:
    found = progress["segments"] if "export" in progress else whole["source"]["scanSegments"]
    return int(found)


def _skipped(progress: Mapping[str, Any]) -> frozenset[int] | None:
    found = progress.get("skipped")
    return None if found is None else frozenset(found)


def _done(whole: Mapping[str, Any], progress: Mapping[str, Any]) -> frozenset[int]:
    """The segments that are copied. Where what was skipped is not known, and nothing was read in
    a copy, none is: they were all skipped, or not needed to follow changes alone."""
    if "export" in progress:
        return frozenset(progress["done"])
    stream, skipped = progress.get("stream"), _skipped(progress)
    if skipped is None and not progress["items"]["read"] and not (stream and stream["snapshot"]):
        return frozenset()
    return frozenset(whole["skipSegments"]) - (skipped or frozenset())

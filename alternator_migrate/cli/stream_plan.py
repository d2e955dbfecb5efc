"""What `plan` prints of changes, and what is said of a stream before it is followed."""

from alternator_migrate.cli.report import size_text
from alternator_migrate.config import Settings
from alternator_migrate.connectors import (
    ALTERNATOR,
    NO_STREAMS,
    STREAMS_FEATURE,
    WRITE_ISOLATION,
    Pair,
    Service,
    find_stream,
    shown_late,
    squash_warning,
)


async def change_lines(settings: Settings, pair: Pair) -> list[str]:
    """What is planned for changes; nothing where they are not followed."""
    target = settings.target
    if not target.stream_changes:
        return []
    stream = await find_stream(pair.source.table)
    lines = ["changes"]
    if stream:
        lines.append(f"  stream          is there ({stream.view}); it is used and left alone")
    else:
        lines.append("  stream          will be enabled on the source (NEW_IMAGE)")
    if target.skip_initial_snapshot_transfer:
        return [*lines, "  copy            none: changes only"]
    kept = settings.spool.max_bytes
    room = f"up to {size_text(kept)} beside the savepoints (spool.maxBytes)" if kept else "none"
    cut = settings.cutover
    lag = cut.max_lag_seconds + (shown_late(stream.arn) if stream else _late_at(pair.source))
    return [
        *lines,
        f"  kept            {room} while the copy lasts",
        "  retention       the stream holds changes for 24 h; beyond what is kept, the copy must "
        "be complete by then",
        f"  caught up       lag of at most {lag:g} s for {cut.for_seconds:g} s",
    ]


async def stream_warnings(settings: Settings, pair: Pair) -> list[str]:
    """What a person should know of the source's stream before it is followed. Raises `UsageError`
    for a stream that does not serve."""
    if not settings.target.stream_changes or not pair.source.options:
        return []
    stream = await find_stream(pair.source.table)
    isolation = pair.inspection.source.spec.tags.get(WRITE_ISOLATION)
    warning = squash_warning(isolation, stream.arn if stream else "")
    return [warning] if warning else []


async def refusal_warnings(settings: Settings, pair: Pair) -> list[str]:
    """What will keep an Alternator's stream from being enabled, as far as that can be read."""
    if not settings.target.stream_changes or not pair.source.options:
        return []
    if await find_stream(pair.source.table):
        return []
    features = await pair.source.table.features()
    if not features or STREAMS_FEATURE in features:
        return []
    return [f"no stream can be enabled on the source, it seems: {NO_STREAMS}"]


def _late_at(source: Service) -> float:
    """By how many seconds a stream that is enabled here will show changes late."""
    return ALTERNATOR.delay if source.options else 0.0

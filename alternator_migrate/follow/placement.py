"""The place in a stream at which following begins."""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace

from alternator_migrate.core.ports import Stream
from alternator_migrate.core.state import FollowPhase, FollowState
from alternator_migrate.follow.rules import Rules

log = logging.getLogger(__name__)


async def place(
    stream: Stream,
    rules: Rules,
    before: FollowState | None,
    phase: FollowPhase,
    note: Callable[[FollowState], Awaitable[None]],
) -> FollowState:
    """Find or enable a table's stream; the state that following begins with, at the oldest changes
    that the stream holds now. `before` is what an earlier run knew, and `note` makes durable what
    is known so far. Raises `MigrateError`."""
    unknown = FollowState("", False, rules.snapshot, phase)
    earlier = before or unknown
    arn, ours = await stream.find(), False
    if arn is None:
        await note(replace(unknown, enabled_here=True))
        arn, ours = await stream.enable()
    ours = ours or (earlier.enabled_here and earlier.arn in ("", arn))
    known = replace(unknown, arn=arn, enabled_here=ours)
    await note(known)
    await stream.ready(arn, enabled_here=ours)
    if ours:
        log.info("the source's stream was enabled: %s", arn)
    source = stream.open(arn)
    shards = await source.shards()
    placed = rules.since or source.clock.at_least()
    return replace(
        known,
        shards={shard.id: None for shard in shards},
        placed_at=placed,
        watermark=placed if rules.whole else 0.0,
    )

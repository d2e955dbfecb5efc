"""Changes that are kept: warnings while they are written, and newer ones wait in the stream."""

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from alternator_migrate.core.counts import ChangeCounts
from alternator_migrate.core.model import Change
from alternator_migrate.follow import retention
from alternator_migrate.follow.kept_changes import KeptChanges
from alternator_migrate.follow.ledger import ShardLedger
from alternator_migrate.follow.retention import Retention
from alternator_migrate.follow.rules import Rules
from alternator_migrate.follow.spool import Spool
from tests.support.cli import until

HOUR = 3600.0


class Slow:
    """Writes changes once something has been warned of."""

    def __init__(self, caplog: pytest.LogCaptureFixture) -> None:
        self._caplog = caplog

    async def __call__(self, changes: Sequence[Change]) -> ChangeCounts:
        await until(lambda: bool(self._caplog.records), 20)
        return ChangeCounts(read=len(changes), applied=len(changes))


async def test_a_long_replay_is_warned_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.WARNING)
    monkeypatch.setattr(retention, "_LOOK_SECONDS", 0.01)
    spool = Spool(tmp_path / "spool_m_1", 10**6)
    await spool.add([Change(b"%d" % number, None, "", 1.0) for number in range(50)])
    rules = Rules(True, tmp_path / "spool_m_1", 10**6, 5.0, 1.0)
    kept = KeptChanges(rules, Retention(lambda: 0.0, clock=lambda: 13 * HOUR))
    kept.reopen(await spool.sync())
    shards, slow = ShardLedger({}), Slow(caplog)
    applier: Any = slow
    assert await kept.replay(applier, shards, asyncio.Event())
    assert (shards.counts.applied, kept.count) == (50, 0)
    (record,) = caplog.records
    assert "waited in the stream for 54% of the 24 h" in record.getMessage()
    assert "writeThroughput" in record.getMessage()


class Rushing:
    """A reader that has more changes than there is room for."""

    async def read(self, handle: Any, _: asyncio.Event) -> None:
        await handle([Change(b"%01000d" % number, None, "", 1.0) for number in range(1000)])


async def test_a_full_spool_is_warned_of_once_however_many_indexes_are_built(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.WARNING)
    monkeypatch.setattr(retention, "_LOOK_SECONDS", 0.01)
    rules = Rules(True, tmp_path / "spool_m_1", 1000, 5.0, 1.0)
    kept = KeptChanges(rules, Retention(lambda: 0.0, clock=lambda: 13 * HOUR))
    kept.open()
    reader: Any = Rushing()
    for _ in range(3):
        async with kept.keeping(reader, None):
            await until(lambda: len(caplog.records) >= 2, 20)
            await asyncio.sleep(0.1)
    full, waiting = sorted(record.getMessage() for record in caplog.records)[::-1]
    assert "the spool is full" in full
    assert "indexes are being built" in waiting

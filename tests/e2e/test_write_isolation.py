"""A target that writes by LWT, which is slow to copy into: it is told, and what is told helps."""

from typing import Any

import pytest

from alternator_migrate.config.loading import load
from alternator_migrate.connectors.pair import open_pair
from alternator_migrate.connectors.remarks import slow_writes
from alternator_migrate.dynamodb import account
from tests.e2e.stage import TABLE, Stage
from tests.e2e.test_rights import denied
from tests.servers import faults
from tests.servers.client import create_table
from tests.servers.exchange import Fault
from tests.servers.proxy import FaultProxy
from tests.support.jobs import Job, alternator, dynamodb, job, write_config

ISOLATION = "system:write_isolation"
SAID = "the target's write isolation is"
REMEDY = {ISOLATION: "only_rmw_uses_lwt"}


async def said(stage: Stage, target: Job) -> list[str]:
    """What is said of the target's isolation."""
    path = write_config(stage.folder, job(alternator(stage.source.url, TABLE), target))
    loaded = load(path, {})
    async with open_pair(loaded.settings) as pair:
        return [text async for text in slow_writes(loaded.settings, pair)]


@pytest.mark.parametrize(
    ("of_all", "there", "asked", "told"),
    [
        ("always", None, {}, "always"),
        ("a", None, {}, "a"),
        ("only_rmw_uses_lwt", None, {}, ""),
        ("forbid_rmw", None, {ISOLATION: "always_use_lwt"}, "always_use_lwt"),
        ("always", None, REMEDY, ""),
        ("always", {}, {}, "always"),
        ("always", {}, REMEDY, ""),
        ("forbid_rmw", {ISOLATION: "a"}, {}, "a"),
        ("forbid_rmw", {ISOLATION: "a"}, REMEDY, ""),
        ("always", {ISOLATION: "unsafe"}, {}, ""),
    ],
)
async def test_a_target_of_lwt_is_told(
    stage: Stage, of_all: str, there: dict[str, str] | None, asked: dict[str, str], told: str
) -> None:
    """The tag of the table counts, which `target.tags` changes, else the option of the server."""
    stage.target.settings.write_isolation = of_all
    if there is not None:
        await create_table(stage.target.url, TABLE)
        stage.target.table(TABLE).tags.update(there)
    texts = await said(stage, alternator(stage.target.url, TABLE, tags=asked))
    assert [text.partition(":")[0] for text in texts] == [f"{SAID} `{told}`"] * bool(told)


@pytest.mark.parametrize(
    ("operation", "fault"),
    [
        ("Query", denied("Query")),
        ("Query", faults.internal_500()),
        ("Query", faults.wrong_json(b"{}")),
        ("ListTagsOfResource", denied("ListTagsOfResource")),
    ],
)
async def test_nothing_is_said_of_an_isolation_that_is_not_known(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, operation: str, fault: Fault
) -> None:
    monkeypatch.setattr(account, "_SECONDS", 0.3)
    stage.target.settings.write_isolation = "always"
    await create_table(stage.target.url, TABLE)
    async with FaultProxy(stage.target.url) as proxy:
        proxy.always(operation, fault)
        assert not await said(stage, alternator(proxy.url, TABLE))
        assert proxy.requests[operation]


async def test_nothing_is_said_where_nothing_is_copied(
    stage: Stage, dynamodb_local_target: str
) -> None:
    stage.target.settings.write_isolation = "always"
    follows = {"streamChanges": True, "skipInitialSnapshotTransfer": True}
    assert not await said(stage, alternator(stage.target.url, TABLE, **follows))
    assert not await said(stage, dynamodb(dynamodb_local_target, TABLE))
    assert not stage.target.requests["Query"]


async def told(stage: Stage, *args: str, **more: Any) -> bool:
    """Whether a command that ends well speaks of the target's isolation."""
    stage.write(**more)
    result = await stage.ended(*args)
    assert result.code == 0, result.err
    return SAID in result.out + result.err


async def test_the_remedy_reaches_a_new_table_and_a_run_that_goes_on(stage: Stage) -> None:
    stage.target.settings.write_isolation = "always"
    assert await told(stage, "plan", "config.yaml")
    for operation in ("CreateTable", "TagResource"):
        assert not await told(stage, "run", "config.yaml", target__tags=REMEDY)
        assert stage.target.requests[operation] == 1
        assert stage.target.table(TABLE).tags.pop(ISOLATION) == "only_rmw_uses_lwt"
    stage.is_equal()


async def test_the_remedy_reaches_a_table_that_exists(stage: Stage) -> None:
    stage.target.settings.write_isolation = "always"
    assert await told(stage, "run", "config.yaml", "--schema-only")
    assert not await told(stage, "run", "config.yaml", target__tags=REMEDY)
    assert stage.target.table(TABLE).tags[ISOLATION] == "only_rmw_uses_lwt"
    stage.is_equal()

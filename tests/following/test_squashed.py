"""An Alternator whose stream lacks changes of batches: it is told, and what is told to do helps."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from alternator_migrate.core.errors import BadAnswer
from tests.conftest import RunCli
from tests.following.conftest import RULE
from tests.servers import faults
from tests.servers.client import call, create_table, fill
from tests.servers.proxy import FaultProxy
from tests.standin import StandIn
from tests.standin.values import Item
from tests.streams.conftest import SPEC
from tests.streams.reading import everything, reading
from tests.support.jobs import alternator, job, write_config
from tests.support.shapes import same_items

TABLE = "Example"
UNTIL = "--until-caught-up"
ISOLATION = "system:write_isolation"
MEND = ("--repair", "--delete-extra", "--yes")


def item(number: int, version: int = 0) -> Item:
    """Ten to a partition."""
    key = {"pk": {"S": f"p{number // 10}"}, "sk": {"N": str(number)}}
    return {**key, "v": {"N": str(version)}}


def key(number: int) -> Item:
    return {name: item(number)[name] for name in ("pk", "sk")}


async def batch(source: StandIn, put: range, delete: range = range(0)) -> None:
    """One BatchWriteItem."""
    puts = [{"PutRequest": {"Item": item(n, 1)}} for n in put]
    deletes = [{"DeleteRequest": {"Key": key(n)}} for n in delete]
    await call(source.url, "BatchWriteItem", {"RequestItems": {TABLE: puts + deletes}})


def configure(folder: Path, source: StandIn, target: StandIn, **more: Any) -> None:
    ends = alternator(source.url, TABLE), alternator(target.url, TABLE, streamChanges=True)
    write_config(folder, job(*ends, cutover=RULE, **more))


async def mend_source(source: StandIn) -> None:
    """What the operator is told to do there."""
    source.table(TABLE).tags[ISOLATION] = "only_rmw_uses_lwt"
    off = {"StreamSpecification": {"StreamEnabled": False}}
    await call(source.url, "UpdateTable", {"TableName": TABLE, **off})


@pytest.fixture
async def source() -> AsyncIterator[StandIn]:
    """An old Alternator with a table of 40 items that is always written by LWT."""
    always: dict[str, Any] = {"Tags": [{"Key": ISOLATION, "Value": "always"}]}
    async with StandIn(old=True, stream_delay=0.2, stream_shards=4) as server:
        await create_table(server.url, TABLE, {"pk": "S", "sk": "N"}, **always)
        await fill(server.url, TABLE, [item(n) for n in range(40)])
        yield server


@pytest.mark.parametrize(
    ("put", "delete", "sign"),
    [
        (range(10, 13), range(0), "new image is of another key"),
        (range(10, 12), range(12, 13), "removal and has a new image"),
        (range(12, 13), range(10, 12), "new image is of another key"),
        (range(0), range(10, 12), "old image is of another key"),
    ],
)
async def test_the_signs_of_squashed_changes(put: range, delete: range, sign: str) -> None:
    async with StandIn(old=True, stream_delay=0, stream_shards=1) as server:
        server.store.settings.write_isolation = "always"
        await create_table(server.url, TABLE, {"pk": "S", "sk": "N"})
        await fill(server.url, TABLE, [item(n) for n in range(10, 20)])
        view = "NEW_AND_OLD_IMAGES" if sign.startswith("old") else "NEW_IMAGE"
        stream = {"StreamEnabled": True, "StreamViewType": view}
        await call(server.url, "UpdateTable", {"TableName": TABLE, "StreamSpecification": stream})
        found = server.table(TABLE).stream
        assert found is not None
        await batch(server, put, delete)
        async with reading(server.url, found.arn, SPEC) as opened:
            with pytest.raises(BadAnswer, match=sign) as failure:
                await everything(opened)
        assert "only_rmw_uses_lwt" in failure.value.hint


async def test_squashed_changes_stop_a_run_and_the_remedy_helps(
    source: StandIn, standin: StandIn, tmp_path: Path, run_cli: RunCli
) -> None:
    configure(tmp_path, source, standin)
    code, _, err = await run_cli("run", "config.yaml", UNTIL)
    assert code == 0, err
    assert "warning: the source's write isolation is `always`: before ScyllaDB 2026.2" in err
    await batch(source, range(10, 12), range(12, 13))
    code, _, err = await run_cli("run", "config.yaml", UNTIL)
    assert code == 1, err
    assert "contradicts itself: it is a removal and has a new image" in err
    assert "only_rmw_uses_lwt and disable its stream" in err and "`follow --fresh`" in err
    assert (await run_cli("run", "config.yaml", UNTIL)).code == 1, "it is there for 24 hours"
    await mend_source(source)
    code, _, err = await run_cli("follow", "config.yaml", "--fresh", UNTIL)
    assert code == 0, err
    code, _, err = await run_cli("validate", "config.yaml", *MEND)
    assert code == 0, err
    assert same_items(standin.items(TABLE), source.items(TABLE))
    await batch(source, range(20, 25), range(25, 30))
    code, _, err = await run_cli("follow", "config.yaml", UNTIL)
    assert code == 0, err
    assert "write isolation" not in err
    assert same_items(standin.items(TABLE), source.items(TABLE))


async def test_after_squashed_changes_the_table_can_be_copied_anew(
    source: StandIn, standin: StandIn, tmp_path: Path, run_cli: RunCli
) -> None:
    configure(tmp_path, source, standin)
    assert (await run_cli("run", "config.yaml", UNTIL)).code == 0
    await batch(source, range(10, 13), range(13, 15))
    code, _, err = await run_cli("run", "config.yaml", UNTIL)
    assert (code, "empty the target and copy anew with `run --fresh`" in err) == (1, True)
    await mend_source(source)
    await call(standin.url, "DeleteTable", {"TableName": TABLE})
    code, _, err = await run_cli("run", "config.yaml", "--fresh", UNTIL)
    assert code == 0, err
    assert same_items(standin.items(TABLE), source.items(TABLE))


@pytest.mark.parametrize("enabled", [False, True])
async def test_plan_tells_of_a_cluster_without_streams(
    standin: StandIn, tmp_path: Path, run_cli: RunCli, enabled: bool
) -> None:
    """It is read from the cluster's own table, and nothing is written."""
    async with StandIn(streams=enabled, record=True) as server:
        await create_table(server.url, TABLE, {"pk": "S", "sk": "N"})
        configure(tmp_path, server, standin)
        code, out, err = await run_cli("plan", "config.yaml")
        assert (code, err) == (0, "")
        assert ("features lack ALTERNATOR_STREAMS" in out) is not enabled
        assert ("--experimental-features=alternator-streams" in out) is not enabled
        asked = {operation for operation, _ in server.log}
        assert not {"UpdateTable", "PutItem", "BatchWriteItem", "TagResource"} & asked


async def test_plan_says_nothing_of_what_it_may_not_read(
    standin: StandIn, tmp_path: Path, run_cli: RunCli
) -> None:
    async with StandIn(streams=False) as server, FaultProxy(server.url) as proxy:
        await create_table(server.url, TABLE, {"pk": "S", "sk": "N"})
        proxy.always("Query", faults.validation("no rights"))
        ends = alternator(proxy.url, TABLE), alternator(standin.url, TABLE, streamChanges=True)
        write_config(tmp_path, job(*ends, cutover=RULE))
        code, out, _ = await run_cli("plan", "config.yaml")
        assert (code, "ALTERNATOR_STREAMS" in out) == (0, False)
        assert "isolation is not known" in out
        assert proxy.requests["Query"] == 2, "for its features, and for its write isolation"


@pytest.mark.parametrize(
    ("old", "tag", "of_all", "warned"),
    [
        (True, "always", "forbid_rmw", "is `always`:"),
        (True, "a", "forbid_rmw", "is `a`:"),
        (True, None, "always", "is `always`:"),
        (True, None, "forbid_rmw", ""),
        (True, None, "", "is not known: if it is"),
        (True, "only_rmw_uses_lwt", "always", ""),
        (False, "always", "always", ""),
    ],
)
async def test_plan_warns_of_a_stream_that_lacks_changes(
    standin: StandIn,
    tmp_path: Path,
    run_cli: RunCli,
    old: bool,
    tag: str | None,
    of_all: str,
    warned: str,
) -> None:
    """The stream's ARN tells the version. Both `plan` and `run` say how late streams may be."""
    stream = {"StreamSpecification": {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}}
    async with StandIn(
        old=old, stream_delay=0.2, stream_shards=2, write_isolation=of_all
    ) as server:
        tags = {"Tags": [{"Key": ISOLATION, "Value": tag}]} if tag else {}
        more: dict[str, Any] = {**tags, **stream}
        await create_table(server.url, TABLE, {"pk": "S", "sk": "N"}, **more)
        configure(tmp_path, server, standin)
        out = (await run_cli("plan", "config.yaml")).out
        assert ("warning: the source's write isolation " + warned in out) is bool(warned)
        assert ("the source's write isolation" in out) is bool(warned)
        assert "lag of at most 15 s for 1 s" in out

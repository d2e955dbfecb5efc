"""Which engine is chosen, and what travels to its workers."""

import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from alternator_migrate.config.loading import literal_secrets, load, portable
from alternator_migrate.connectors.inspect import Inspection
from alternator_migrate.connectors.job import LocalConfig
from alternator_migrate.connectors.pair import Pair, work_facts
from alternator_migrate.connectors.target_table import TargetPlan
from alternator_migrate.core.errors import ConfigError
from alternator_migrate.core.model import Concurrency, Segment
from alternator_migrate.core.server_clock import ServerClock
from alternator_migrate.dynamodb.nodes import Nodes
from alternator_migrate.dynamodb.table_schema import TableSpec, TableState
from alternator_migrate.engines.choose import WORTH_BYTES, EngineOptions, choose
from alternator_migrate.migration.worker import CopySession, copy_job
from tests.support.configs import TEXT, loaded

SPEC = TableSpec("From", (), {})
LARGE = TableState(SPEC, "1", "ACTIVE", 10**7, 10 * WORTH_BYTES)
SECRETS = """\
source:
  type: dynamodb
  table: From
  region: eu-west-1
  credentials: {accessKey: key, secretKey: hunter2}
target:
  type: alternator
  table: To
  endpoint: {host: http://scylla, port: 8000}
  credentials: {accessKey: role, secretKey: "${ROLE_SECRET}"}
  maxConnections: ${CONNECTIONS}
"""


def sides(table: TableState = LARGE, segments: int = 100, **caps: float) -> Pair:
    """What was found of a table, behind services that nobody asks."""
    parts = tuple(Segment(index, segments) for index in range(segments))
    findings = Inspection(table, TargetPlan(SPEC, (), ()), None, parts)
    nobody = cast("Any", None)
    concurrency = Concurrency()
    return Pair(findings, caps.get("read"), caps.get("write"), concurrency, nobody, nobody)


def chosen(
    engine_options: EngineOptions, found: Pair, *assignments: str, cores: int = 8
) -> tuple[str, int]:
    choice = choose(engine_options, work_facts(loaded(TEXT, *assignments)[0], found), cores)
    return choice.engine, choice.workers


def test_a_large_table_on_many_cores_is_for_processes() -> None:
    assert chosen(EngineOptions(), sides()) == ("processes", 8)
    assert chosen(EngineOptions(workers=3), sides()) == ("processes", 3)
    assert chosen(EngineOptions(), sides(segments=6)) == ("processes", 6)


@pytest.mark.parametrize(
    ("found", "cores"),
    [
        (sides(), 1),
        (sides(segments=4), 8),
        (sides(replace(LARGE, size=WORTH_BYTES - 1)), 8),
        (sides(replace(LARGE, size=0)), 8),
        (sides(read=1000.0), 8),
        (sides(write=10_000.0), 8),
    ],
    ids=["one core", "few segments", "small", "of unknown size", "slow source", "slow target"],
)
def test_what_one_core_does_as_well_is_done_here(found: Pair, cores: int) -> None:
    assert chosen(EngineOptions(), found, cores=cores) == ("local", 1)
    assert chosen(EngineOptions("processes"), found, cores=2) == ("processes", 2)


def test_a_wish_is_obeyed_within_what_the_configuration_allows() -> None:
    assert chosen(EngineOptions("local", 4), sides()) == ("local", 1)
    assert chosen(EngineOptions("processes", 4), sides(), "target.maxConnections=2") == (
        "processes",
        2,
    )
    assert chosen(EngineOptions("processes", 4), sides(), "source.maxMapTasks=3") == (
        "processes",
        3,
    )
    assert chosen(EngineOptions("dask", 4), sides()) == ("dask", 4)


def test_only_limits_are_shared() -> None:
    settings = loaded()[0]
    assert work_facts(settings, sides()).most is None
    assert not work_facts(settings, sides()).shared
    assert work_facts(settings, sides(read=5.0)).shared
    assert work_facts(loaded(TEXT, "target.maxConnections=2")[0], sides()).shared


def secretive(path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("ROLE_SECRET", "correct horse")
    monkeypatch.setenv("CONNECTIONS", "8")
    (path / "config.yaml").write_text(SECRETS)
    return load(path / "config.yaml", {})


def test_a_portable_configuration_is_loaded_with_the_variables_of_the_other_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = secretive(tmp_path, monkeypatch)
    assert literal_secrets(found) == {"source.credentials.secretKey": "hunter2"}
    monkeypatch.setenv("CONNECTIONS", "16")
    monkeypatch.setenv("ROLE_SECRET", "battery staple")
    settings = pickle.loads(pickle.dumps(portable(found, with_secrets=True))).settings()
    assert settings.source == found.settings.source
    assert settings.target.credentials.secret_key == "battery staple"
    assert settings.target.alternator.max_connections == 16
    monkeypatch.delenv("ROLE_SECRET")
    with pytest.raises(ConfigError, match="ROLE_SECRET is not set"):
        portable(found, with_secrets=True).settings()


def test_no_secret_is_in_a_portable_configuration_or_in_the_repr_of_a_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = secretive(tmp_path, monkeypatch)
    bare = portable(found, with_secrets=False)
    job = copy_job(bare, sides(), 0.0)
    for secret in ("hunter2", "correct horse"):
        assert secret.encode() not in pickle.dumps(job)
        with_secrets = copy_job(portable(found, with_secrets=True), sides(), 0.0)
        assert secret not in repr(with_secrets)
        assert secret not in repr(copy_job(LocalConfig(found.settings), sides(), 0.0))


def test_a_slice_has_its_share_of_what_the_configuration_limits() -> None:
    settings = loaded(TEXT, "target.maxConnections=10", "source.maxMapTasks=3")[0]
    found = replace(sides(read=90.0), concurrency=Concurrency(readers=3, writers=10))
    session = CopySession(settings, replace(found, target=cast("Any", _Service())), 0.0)
    shares = {share: session.concurrency(share) for share in (1.0, 0.5, 0.25, 0.01)}
    assert [concurrency.writers for concurrency in shares.values()] == [10, 5, 2, 1]
    assert [concurrency.readers for concurrency in shares.values()] == [3, 1, 1, 1]


class _Http:
    """As much of an HTTP client as a target asks of it before it writes."""

    nodes = Nodes(("http://node",))
    clock = ServerClock()


class _Service:
    """As much of a service as a target is made of."""

    http = _Http
    options = None

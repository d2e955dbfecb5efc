"""Mistakes of a configuration: told at once, each with its place, before anything is touched."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import RunCli
from tests.servers.faults import validation
from tests.servers.proxy import FaultProxy
from tests.support.cli import Ends, flags, names_in, one_error, only_read, signed

GOOD = """\
source:
  type: dynamodb
  table: Example
  region: us-east-1
  endpoint: {url: http://127.0.0.1:1}
target:
  type: alternator
  table: Example
  endpoint: {url: http://127.0.0.1:1}
"""


Write = Callable[[str | bytes], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write `config.yaml`."""

    def write(content: str | bytes) -> Path:
        path = tmp_path / "config.yaml"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


async def test_nothing_to_do(run_cli: RunCli) -> None:
    told = one_error(await run_cli("run"))
    assert "--table" in told
    assert "--target-endpoint" in told
    assert "-h" in told


async def test_a_file_that_is_not_there(run_cli: RunCli) -> None:
    told = one_error(await run_cli("plan", "nowhere/config.yaml"))
    assert "nowhere/config.yaml: No such file or directory" in told
    assert "Check the name" in told


async def test_a_folder_in_place_of_a_file(run_cli: RunCli, tmp_path: Path) -> None:
    told = one_error(await run_cli("run", str(tmp_path)))
    assert f"{tmp_path}: Is a directory" in told
    assert "Check the name" in told


@pytest.mark.parametrize(
    ("content", "told"),
    [(b"\xff\xfes\0o\0u\0", "is not a text"), (b"a: \x1b[0m\n", "not YAML")],
)
async def test_a_binary_file(run_cli: RunCli, write: Write, content: bytes, told: str) -> None:
    write(content)
    error = one_error(await run_cli("run", "config.yaml"))
    assert "config.yaml" in error
    assert told in error
    assert "YAML" in error


async def test_an_empty_file(run_cli: RunCli, write: Write) -> None:
    write("# only a comment\n")
    told = one_error(await run_cli("run", "config.yaml"))
    for path in ("source.type", "source.table", "target.type", "target.table"):
        assert path in told


@pytest.mark.parametrize(
    ("content", "place"),
    [
        ("source:\n  type: [dynamodb\ntarget: {}\n", "config.yaml, line 3"),
        ("source:\n\ttype: dynamodb\n", "config.yaml, line 2"),
        ("a: 1\nsource: *nobody\n", "config.yaml, line 2"),
    ],
)
async def test_wrong_yaml_is_told_with_its_line(
    run_cli: RunCli, write: Write, content: str, place: str
) -> None:
    write(content)
    assert place in one_error(await run_cli("run", "config.yaml"))


async def test_all_mistakes_are_told_at_once(run_cli: RunCli, write: Write) -> None:
    config = write(
        GOOD.replace("  type: dynamodb\n", "  type: dynamdb\n")
        .replace("target:\n", "target:\n  table: Other\n  maxItemsPerBtch: 25\n")
        .replace("endpoint: {url: http://127.0.0.1:1}\n", "endpoint: {prt: 1}\n")
        + "maxReject: 4\nretryBudgetSeconds: soon\nrenames: [{from: a}]\n"
    )
    told = one_error(await run_cli("run", config.name))
    for mistake in (
        "source.type (config.yaml, line 2)",
        "target.maxItemsPerBtch (config.yaml, line 8)",
        "did you mean maxItemsPerBatch?",
        "target.table (config.yaml, line 10): stands twice",
        "target.endpoint.prt (config.yaml, line 11)",
        "maxReject (config.yaml, line 12)",
        "did you mean maxRejects?",
        "retryBudgetSeconds (config.yaml, line 13)",
        "renames[0].to (config.yaml, line 14)",
        "Nothing was changed.",
    ):
        assert mistake in told, told


async def test_wrong_assignments_are_named(run_cli: RunCli, write: Write) -> None:
    wrong = {
        "source.region": "must be PATH=VALUE",
        "=4": "is not a path like source.scanSegments",
        "source..table=x": "is not a path like source.scanSegments",
        "source.scanSegmnts=4": "did you mean scanSegments?",
        "source.scanSegments=four": "whole number",
        "source.table.name=x": "stands below a value that is not a section",
        "target.endpoint.url=127.0.0.1:8000": "must be like http://host:8000",
        "maxRejects=-1": "of at least 0",
    }
    sets = [f"--set={assignment}" for assignment in wrong]
    config = write(GOOD)
    lines = one_error(await run_cli("run", config.name, *sets)).splitlines()
    for assignment, told in wrong.items():
        path, separator, _ = assignment.partition("=")
        place = f"(--set {path}{'=...' if separator else ''})"
        assert [line for line in lines if place in line and told in line], told


async def test_variables_that_are_not_set(run_cli: RunCli, write: Write) -> None:
    config = write(
        GOOD.replace("region: us-east-1", "region: '${NOBODY_SET_THIS}'").replace("dynamodb", "${}")
    )
    told = one_error(await run_cli("run", config.name))
    assert "source.region (config.yaml, line 4): " in told
    assert "NOBODY_SET_THIS is not set" in told
    assert "source.type (config.yaml, line 2): ${} is not" in told


async def test_a_secret_is_never_repeated(run_cli: RunCli, write: Write) -> None:
    keys = "credentials: {accessKey: alice, secretKey: [hunter2], sesionToken: hunter3}"
    config = write(GOOD.replace("region: us-east-1", keys))
    told = one_error(await run_cli("run", config.name, "--log-level", "debug"))
    assert "source.credentials.secretKey" in told
    assert "source.credentials.sesionToken" in told
    assert "hunter" not in told


async def test_a_secret_of_the_command_line_is_never_repeated(
    run_cli: RunCli, write: Write
) -> None:
    config = write(GOOD)
    wrong = ("secretKey=[hunter2]", "sesionToken=hunter3")
    sets = [f"--set=source.credentials.{assignment}" for assignment in wrong]
    told = one_error(await run_cli("run", config.name, *sets))
    assert "source.credentials.secretKey" in told
    assert "source.credentials.sesionToken" in told
    assert "hunter" not in told


async def test_an_ignored_key_is_one_warning(run_cli: RunCli, write: Write) -> None:
    config = write(GOOD + "skipTokenRanges: []\n")
    code, _, err = await run_cli("run", config.name, env=signed())
    warnings = [line for line in err.splitlines() if "skipTokenRanges" in line]
    assert code == 2, "nobody listens there"
    assert len(warnings) == 1
    assert "config.yaml, line 10" in warnings[0]


async def test_a_summary_in_a_folder_that_is_not_there(run_cli: RunCli, ends: Ends) -> None:
    summary = ("--summary-json", "nowhere/summary.json")
    told = one_error(await run_cli("run", *ends.flags(*summary), env=signed()))
    assert "--summary-json" in told
    assert "nowhere" in told
    assert not ends.source.log
    assert not ends.target.log


async def test_a_summary_in_place_of_a_folder(run_cli: RunCli, ends: Ends, tmp_path: Path) -> None:
    summary = ("--summary-json", str(tmp_path))
    told = one_error(await run_cli("run", *ends.flags(*summary), env=signed()))
    assert "--summary-json" in told
    assert str(tmp_path) in told
    assert not ends.target.log


@pytest.mark.parametrize("content", [None, "not a certificate\n"])
async def test_a_ca_bundle_that_cannot_be_used(
    run_cli: RunCli, ends: Ends, tmp_path: Path, content: str | None
) -> None:
    bundle = tmp_path / "ca.pem"
    if content:
        bundle.write_text(content)
    wrong = f"--set=target.endpoint.caBundle={bundle}"
    url = ends.target.url.replace("http:", "https:")
    told = one_error(
        await run_cli("run", *ends.flags(wrong, "--target-endpoint", url), env=signed())
    )
    assert str(bundle) in told
    assert "caBundle" in told
    assert "PEM" in told
    assert not ends.target.log


async def test_a_folder_for_rejects_that_cannot_be_made_is_told_before_the_copy(
    run_cli: RunCli, ends: Ends, tmp_path: Path
) -> None:
    in_the_way = tmp_path / "in-the-way"
    in_the_way.write_text("a file, where a folder is wanted\n")
    wrong = f"--set=savepoints.path={in_the_way / 'savepoints'}"
    async with FaultProxy(ends.target.url) as target:
        target.always("BatchWriteItem", validation())
        result = await run_cli(*("run", *flags(ends.source.url, target.url, wrong)), env=signed())
    told = one_error(result)
    assert str(in_the_way) in told
    assert "savepoints.path" in told
    assert names_in(tmp_path) == {"in-the-way"}
    assert not ends.target.store.tables
    assert only_read(ends.source)

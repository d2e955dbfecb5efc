"""Options that would do nothing beside others are refused before anything is touched."""

from pathlib import Path

import pytest

from tests.conftest import RunCli
from tests.support.cli import TABLE, Ends, names_in, one_error

REJECTS = ("run", "--rejects", "rejects_1.jsonl")


@pytest.mark.parametrize(
    ("arguments", "named", "remedy"),
    [
        (("run", "--scheduler", "tcp://h:1"), "--scheduler", "--engine dask"),
        (("run", "--scheduler", "tcp://h:1", "--engine", "processes"), "--scheduler", "dask"),
        (("validate", "--scheduler", "tcp://h:1"), "--scheduler", "--engine dask"),
        (("run", "--engine", "local", "--workers", "2"), "--workers", "--engine processes"),
        (("validate", "--engine", "local", "--workers", "2"), "--workers", "--engine processes"),
        (("validate", "--yes"), "--yes", "--delete-extra"),
        (("validate", "--yes", "--repair"), "--yes", "--delete-extra"),
        ((*REJECTS, "--validate"), "--validate", "one file"),
        ((*REJECTS, "--shard", "0/2"), "--shard", "one file"),
        ((*REJECTS, "--fresh"), "--fresh", "one file"),
        ((*REJECTS, "--into-existing"), "--into-existing", "one file"),
        ((*REJECTS, "--until-caught-up"), "--until-caught-up", "one file"),
        ((*REJECTS, "--workers", "2"), "--workers", "one file"),
        ((*REJECTS, "--engine", "processes"), "--engine", "one file"),
        ((*REJECTS, "--retry-failed"), "--retry-failed", "one file"),
        ((*REJECTS, "--add"), "--add", "one file"),
        (("run", "--schema-only", "--validate"), "--schema-only", "copies nothing"),
        (("run", "--schema-only", "--workers", "2"), "--schema-only", "copies nothing"),
        (("run", "--schema-only", "--transform-changed"), "--transform-changed", "copies nothing"),
        (("run", "--add", "--fresh"), "--fresh", "--add first"),
        (("plan", "--add", "--fresh"), "--fresh", "--add first"),
        (("run", "--shard", "0/2", "--validate"), "--validate", "when all shards are done"),
        (("run", "--shard", "finish/2", "--validate"), "--validate", "when all shards are done"),
        (("run", "--shard", "finish/2", "--fresh"), "--fresh", "copies nothing"),
        (("run", "--shard", "finish/2", "--into-existing"), "--into-existing", "copies nothing"),
        (("run", "--shard", "finish/2", "--engine", "processes"), "--engine", "copies nothing"),
        (("run", "--disable-stream-after"), "--disable-stream-after", "--until-caught-up"),
        (("follow", "--disable-stream-after"), "--disable-stream-after", "--until-caught-up"),
        (
            ("follow", "--set=target.streamChanges=false"),
            "target.streamChanges",
            "sets that itself",
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
async def test_an_option_that_would_do_nothing_is_refused(
    run_cli: RunCli, ends: Ends, arguments: tuple[str, ...], named: str, remedy: str
) -> None:
    command, *options = arguments
    told = one_error(await run_cli(command, *ends.flags(*options)))
    assert named in told
    assert remedy in told
    assert not ends.source.log
    assert not ends.target.log


@pytest.mark.parametrize(
    "options",
    [
        ("--engine", "local"),
        ("--engine", "auto", "--workers", "1"),
        ("--fresh", "--into-existing"),
        ("--validate", "--into-existing"),
    ],
    ids=" ".join,
)
async def test_options_that_go_together_are_taken(
    run_cli: RunCli, ends: Ends, options: tuple[str, ...]
) -> None:
    more = ("--set=source.credentials={accessKey: a, secretKey: b}", *options)
    result = await run_cli("run", *ends.flags(*more))
    assert result.code == 0, result.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("plan", "s3://bucket/config.yaml"),
        ("run", "--rejects", "gs://bucket/rejects_1.jsonl"),
        ("run", "--summary-json", "s3a://bucket/summary.json"),
        ("run", "--set=spool.path=s3a://bucket/spool"),
    ],
    ids=" ".join,
)
async def test_a_path_of_another_storage_is_refused_and_no_folder_is_made(
    run_cli: RunCli, ends: Ends, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    command, *options = arguments
    told = one_error(await run_cli(command, *ends.flags(*options)))
    assert "a path of this machine" in told
    assert "mounted" in told
    assert names_in(tmp_path) == set()
    assert not ends.target.log


async def test_a_table_named_beside_a_file_is_read_and_written(
    run_cli: RunCli, ends: Ends, tmp_path: Path
) -> None:
    side = "{type: alternator, table: Other, endpoint: {url: '%s'}}"
    text = f"source: {side}\ntarget: {side}\n" % (ends.source.url, ends.target.url)
    (tmp_path / "config.yaml").write_text(text)
    result = await run_cli("run", "config.yaml", "--table", TABLE)
    assert result.code == 0, result.err
    assert set(ends.target.store.tables) == {TABLE}
    result = await run_cli("run", "config.yaml", "--table", TABLE, "--target-table", "Copy")
    assert result.code == 0, result.err
    assert set(ends.target.store.tables) == {TABLE, "Copy"}

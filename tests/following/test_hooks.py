"""Hooks: what they are told, and what their failures do."""

import signal

from tests.conftest import RunCli
from tests.following.conftest import Table
from tests.servers.cli import running

TELL = "echo $ALTERNATOR_MIGRATE_EVENT $ALTERNATOR_MIGRATE_STATUS >> told.txt"


def told(table: Table) -> list[str]:
    path = table.folder / "told.txt"
    return path.read_text().split("\n")[:-1] if path.exists() else []


ALL = dict.fromkeys(("onStart", "onSnapshotDone", "onCaughtUp", "onFailure", "onStop"), TELL)


async def test_hooks_run_in_their_order(table: Table, run_cli: RunCli) -> None:
    table.configure(hooks=ALL)
    code, _, err = await run_cli("run", "config.yaml", "--until-caught-up")
    assert code == 0, err
    assert told(table) == [
        "onStart running",
        "onSnapshotDone running",
        "onCaughtUp running",
        "onStop completed",
    ]


async def test_a_hook_is_told_what_it_needs(table: Table, run_cli: RunCli) -> None:
    everything = "env | grep ^ALTERNATOR_MIGRATE_ | sort > facts.txt; env | grep -c secret-word"
    table.configure(hooks={"onCaughtUp": everything + " || true"})
    code, out, err = await run_cli("run", "config.yaml", "--until-caught-up")
    assert code == 0, err
    facts = dict(line.split("=", 1) for line in (table.folder / "facts.txt").read_text().split())
    assert facts["ALTERNATOR_MIGRATE_SOURCE_TABLE"] == table.name
    assert facts["ALTERNATOR_MIGRATE_TARGET_TABLE"] == table.name
    assert 0 <= float(facts["ALTERNATOR_MIGRATE_LAG_SECONDS"]) <= 5
    assert facts["ALTERNATOR_MIGRATE_SAVEPOINT"].endswith(".yaml")
    assert set(facts) == {
        f"ALTERNATOR_MIGRATE_{name}"
        for name in ("EVENT", "STATUS", "SOURCE_TABLE", "TARGET_TABLE", "LAG_SECONDS", "SAVEPOINT")
    }
    assert out == ""


async def test_a_failing_start_begins_nothing(table: Table, run_cli: RunCli) -> None:
    table.configure(hooks={**ALL, "onStart": "exit 7"})
    code, _, err = await run_cli("run", "config.yaml")
    assert code == 2
    assert "hook onStart ended with exit code 7" in err
    assert table.name not in table.target.store.tables
    assert told(table) == []


async def test_a_failing_cut_over_is_no_success(table: Table, run_cli: RunCli) -> None:
    table.configure(hooks={**ALL, "onCaughtUp": "exit 1"})
    code, _, err = await run_cli("run", "config.yaml", "--until-caught-up")
    assert code == 1
    assert "hook onCaughtUp ended with exit code 1" in err
    assert told(table)[-2:] == ["onFailure failed", "onStop failed"]


async def test_others_that_fail_or_hang_are_told_and_no_more(table: Table, run_cli: RunCli) -> None:
    slow = {"onSnapshotDone": "sleep 60", "onStop": "exit 3", "timeoutSeconds": 3}
    table.configure(hooks=slow)
    code, _, err = await run_cli("run", "config.yaml", "--until-caught-up")
    assert code == 0, err
    assert "hook onSnapshotDone took longer than 3 s and was killed" in err
    assert "hook onStop ended with exit code 3" in err


async def test_a_stopped_run_is_told_as_stopped(table: Table) -> None:
    table.configure(hooks=ALL)
    async with running(table.folder, "run", "config.yaml") as cli:
        await cli.wait_for("has caught up", 60)
        cli.send_signal(signal.SIGINT)
        assert (await cli.wait(60)).code == 130
    assert told(table)[-1] == "onStop stopped"

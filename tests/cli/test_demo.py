"""The demo: nothing to set up, and one clear message where its servers are not installed."""

import json
from pathlib import Path

from tests.cli.support import names_in, one_error
from tests.conftest import RunCli
from tests.servers.cli import REPOSITORY


async def test_it_migrates_compares_and_says_what_is_next(run_cli: RunCli, tmp_path: Path) -> None:
    code, out, err = await run_cli("demo", "--items", "200", "--summary-json", "-", seconds=60)
    assert code == 0, err
    summary = json.loads(out)
    items = summary["tables"][0]["items"]
    assert items == {"read": 200, "written": 196, "skipped_expired": 4, "rejected": 0}
    assert "source and target are equal" in err
    last = err.splitlines()[-1]
    assert last.startswith("Next: ")
    assert "alternator-migrate plan --table" in last
    assert "Traceback" not in err
    assert names_in(tmp_path) == set(), "it leaves nothing behind"


async def test_without_moto_it_says_what_to_install(run_cli: RunCli, tmp_path: Path) -> None:
    stub = tmp_path / "without-moto"
    stub.mkdir()
    (stub / "moto.py").write_text("raise ModuleNotFoundError(\"No module named 'moto'\")\n")
    told = one_error(await run_cli("demo", env={"PYTHONPATH": f"{stub}:{REPOSITORY}"}))
    assert "moto" in told
    assert "alternator-migrate[demo]" in told

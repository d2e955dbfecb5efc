"""A user's function on workers: a file's text travels, a module has to be there."""

import pickle
from pathlib import Path
from typing import Any

import pytest

from alternator_migrate.connectors.transform.code import find_code
from alternator_migrate.core.errors import UsageError
from tests.conftest import RunCli
from tests.engines.ends import ITEMS, TABLE, Options, between
from tests.standin import StandIn
from tests.support.jobs import read_summary, write_config
from tests.support.shapes import same_items

CODE = """
import time

def transform(item):
    if item["pk"] == "item 5":
        time.sleep(1)
    if item["pk"].endswith("7"):
        return None
    if item["pk"].endswith("8"):
        raise ValueError("8")
    item["seen"] = True
    return item
"""


def seen() -> list[dict[str, Any]]:
    return [
        {**item, "seen": {"BOOL": True}} for item in ITEMS if item["pk"]["S"][-1] not in ("7", "8")
    ]


@pytest.mark.parametrize("engine", ["processes", "dask"], indirect=True)
async def test_a_files_text_travels(
    engine: str,
    options: Options,
    source: StandIn,
    target: StandIn,
    tmp_path: Path,
    run_cli: RunCli,
) -> None:
    (tmp_path / "change.py").write_text(CODE)
    write_config(tmp_path, {**between(source, target), "transform": "change.py", "maxRejects": 200})
    arguments = ("config.yaml", *options(engine), "--summary-json", "summary.json")
    code, _, err = await run_cli("run", *arguments)
    assert code == 3, err
    (table,) = read_summary(tmp_path / "summary.json")["tables"]
    assert 1 <= table["slowest_call_seconds"] < 60
    assert "the slowest call of the transform took" in err and '"item 5"' in err
    expected = seen()
    dropped = sum(item["pk"]["S"].endswith("7") for item in ITEMS)
    assert table["items"]["dropped"] == dropped
    assert table["items"]["rejected"] == len(ITEMS) - len(expected) - dropped
    assert same_items(target.items(TABLE), expected)
    if engine == "processes":
        code, _, err = await run_cli("validate", *arguments)
        assert code == 3, err
        (table,) = read_summary(tmp_path / "summary.json")["tables"]
        assert table["validation"]["missing"] == len(ITEMS) - len(expected) - dropped
        assert table["validation"]["different"] == table["validation"]["extra"] == 0


def test_a_module_has_to_be_the_same_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    module = tmp_path / "changes_of_mine.py"
    module.write_text("def mask(item):\n    return item\n")
    code = pickle.loads(pickle.dumps(find_code("changes_of_mine:mask")))
    assert code.functions().transform({"a": 1}) == {"a": 1}
    module.write_text("def mask(item):\n    return None\n")
    with pytest.raises(UsageError, match="the module changes_of_mine is another here"):
        code.functions()
    with pytest.raises(UsageError, match="there is no module nothing_of_this_name"):
        find_code("nothing_of_this_name:mask")


def test_a_file_is_the_one_that_was_read_at_first(tmp_path: Path) -> None:
    file = tmp_path / "change.py"
    file.write_text(CODE)
    code = pickle.loads(pickle.dumps(find_code(f"{file}:transform")))
    file.unlink()
    assert code.functions().transform({"pk": "7"}) is None
    with pytest.raises(UsageError, match=r"change\.py cannot be read"):
        find_code(str(file))

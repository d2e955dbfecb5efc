"""Many tables in one run on a Dask cluster, which they have one after another."""

from pathlib import Path

import pytest

from tests.engines.ends import Options
from tests.standin import StandIn
from tests.support.many import Many, make


@pytest.mark.parametrize("engine", ["dask"], indirect=True)
async def test_tables_are_copied_and_compared_on_a_cluster(
    engine: str, options: Options, target: StandIn, tmp_path: Path
) -> None:
    counts = {"t-1": 60, "t-2": 40, "t-3": 0}
    async with StandIn() as source:
        many = Many(tmp_path, source, target)
        await make(source.url, counts)
        many.write({"include": ["t-*"]}, source_scanSegments=8)
        report = tmp_path / "report.html"
        on_cluster = (*options(engine), "--report", report.name)
        result = await many.command("run", *on_cluster)
        assert (result.code, "Traceback" in result.err) == (0, False), result
        await many.check([*counts])
        assert {t["source"]: t["items"]["written"] for t in many.summary["tables"]} == counts
        assert "<p>dask, " in report.read_text()
        compared = await many.command("validate", *on_cluster, "--only", "t-1")
        assert (compared.code, "Traceback" in compared.err) == (0, False), compared
        (told,) = many.summary["tables"]
        assert (told["validation"]["compared"], told["validation"]["different"]) == (60, 0)
        assert "<p>dask, " in report.read_text()

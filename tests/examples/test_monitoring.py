"""The dashboard and the alert rules speak of metrics that there are."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from alternator_migrate.core.counts import ValidationCounts
from alternator_migrate.core.state import Status
from alternator_migrate.monitor.metrics import PREFIX, exposition
from tests.servers.cli import REPOSITORY
from tests.support.runs import LATE, a_run, a_table

RULES = REPOSITORY / "examples" / "prometheus"
DASHBOARD = REPOSITORY / "examples" / "grafana" / "dashboard.json"
# What Prometheus adds to each metric.
ADDED = {"instance", "job"}


def metrics() -> dict[str, set[str]]:
    """Every metric, with its labels."""
    table = a_table(changes=LATE, validated=ValidationCounts(1), status=Status.COMPLETED)
    run = a_run(table, status=Status.COMPLETED)
    text, _ = exposition(lambda: run)
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(text.decode()):
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


def rules() -> list[dict[str, Any]]:
    """The alert rules."""
    [group] = yaml.safe_load((RULES / "alerts.yaml").read_text())["groups"]
    return list(group["rules"])


def queries() -> Iterator[str]:
    """Every query of rules and dashboard."""
    for rule in rules():
        yield rule["expr"]
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        yield from (target["expr"] for target in panel["targets"])


def test_every_metric_that_is_asked_for_is_one_with_these_labels() -> None:
    known = metrics()
    for query in queries():
        used = re.findall(rf"({PREFIX}\w*)(?:\{{([^}}]*)\}})?", query)
        assert used, query
        for name, chosen in used:
            assert name in known, query
            given = set(re.findall(r"(\w+)\s*(?:=~|!=|!~|=)", chosen))
            assert given <= known[name] | ADDED, query


def test_labels_that_are_grouped_by_are_there() -> None:
    known = metrics()
    labels = set().union(*known.values(), ADDED)
    for query in queries():
        for grouped in re.findall(r"by \(([^)]*)\)", query):
            assert {label.strip() for label in grouped.split(",")} <= labels, query


def test_an_alert_says_what_it_is_about() -> None:
    names = [rule["alert"] for rule in rules()]
    assert len(names) == len(set(names))
    for rule in rules():
        assert set(rule["annotations"]) == {"summary", "description"}
        assert rule["labels"]["severity"] in ("info", "warning", "critical")
    assert {"MigrationNoProgress", "MigrationLag", "MigrationRejects"} <= set(names)


def test_panels_do_not_overlap_and_have_their_numbers() -> None:
    panels = json.loads(DASHBOARD.read_text())["panels"]
    cells = [
        (x, y)
        for place in (panel["gridPos"] for panel in panels)
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) == 23
    assert [panel["id"] for panel in panels] == [*range(1, len(panels) + 1)]


@pytest.mark.parametrize(
    "words", [("check", "rules", "alerts.yaml"), ("test", "rules", "alerts_test.yaml")]
)
def test_promtool_takes_the_rules(words: tuple[str, ...]) -> None:
    done = promtool(*words)
    assert done.returncode == 0, done.stdout + done.stderr


def test_promtool_finds_no_fault_with_the_metrics(tmp_path: Path) -> None:
    text, _ = exposition(lambda: a_run(a_table(changes=LATE)))
    done = promtool("check", "metrics", text=text.decode())
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def promtool(*words: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run promtool in the folder of the rules, where there is one."""
    tool = shutil.which("promtool")
    if tool is None:
        pytest.skip("promtool is not installed (it comes with Prometheus)")
    return subprocess.run(
        [tool, *words],
        check=False,
        cwd=RULES,
        input=text,
        capture_output=True,
        text=True,
        timeout=300,
    )

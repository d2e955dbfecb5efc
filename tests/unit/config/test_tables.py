"""The section `tables`, and the configuration of each table that it makes."""

from pathlib import Path
from typing import Any

import pytest

from alternator_migrate.config import Chosen, Loaded, load, migration_identity, of_table
from tests.support.configs import NAME, changed, mistake, paths, refused

MANY = """\
source:
  type: dynamodb
  region: eu-west-1
  readThroughput: 100
target:
  type: alternator
  endpoint:
    url: http://scylla:8000
tables:
  include: ["prod-*", Orders]
"""


def many(folder: Path, text: str = MANY, **more: Any) -> Loaded:
    (folder / NAME).write_text(text)
    return load(folder / NAME, {}, **more)


@pytest.mark.parametrize(
    ("path", "value", "wrong"),
    [
        ("tables", {}, {"tables.include"}),
        ("tables.include", "prod-*", {"tables.include"}),
        ("tables.include", ["ab", "/(/", "/", "ok-?", 5],
         {f"tables.include[{n}]" for n in (0, 1, 2, 4)}),
        ("tables.include", ["arn:aws:dynamodb:eu-west-1:1:table/x"], {"tables.include[0]"}),
        ("tables.rename", {"a*": "b", "c": "d*", "e**": "f*", "/x/": "y", "z?": "y"},
         {f"tables.rename.{key}" for key in ("a*", "c", "e**", "/x/", "z?")}),
        ("tables.concurrency", 0, {"tables.concurrency"}),
        ("tables.onError", "ignore", {"tables.onError"}),
        ("tables.colour", 1, {"tables.colour"}),
        ("tables.includeTags", ["a"], {"tables.includeTags"}),
        ("source.table", "Orders", {"source.table"}),
        ("target.table", "Orders", {"target.table"}),
        ("tables.overrides", {"Orders": {"source": {"region": "x"}, "savepoints": {}}},
         {"tables.overrides.Orders.source.region", "tables.overrides.Orders.savepoints"}),
        ("tables.overrides", {"Orders": 5, "prod-*": {"source": 5}},
         {"tables.overrides.Orders", "tables.overrides.prod-*.source"}),
    ],
)  # fmt: skip
def test_mistakes_are_told_with_their_places(path: str, value: object, wrong: set[str]) -> None:
    assert paths(refused(changed(path, value, MANY)).mistakes) == wrong


def test_a_mistake_in_what_is_a_tables_own_is_told_before_anything_is_done() -> None:
    own = {"Orders": {"source": {"scanSegments": "many"}}}
    found = mistake(changed("tables.overrides", own, MANY))
    assert (found.path, found.place.startswith(NAME)) == ("source.scanSegments", True)


def test_each_table_gets_an_ordinary_configuration(tmp_path: Path) -> None:
    own = {
        "Orders": {"source": {"scanSegments": 64}, "renames": [{"from": "a", "to": "b"}]},
        "prod-*": {
            "source": {"scanSegments": 8, "readThroughput": 5},
            "target": {"copyTtl": False},
        },
    }
    text = changed("savepoints", {"path": "kept", "intervalSeconds": 5}, MANY)
    whole = many(tmp_path, changed("tables.overrides", own, text))
    orders = of_table(whole, Chosen("Orders", "orders_v2"))
    other = of_table(whole, Chosen("prod-x", "prod-x"))
    assert (orders.settings.source.table, orders.settings.target.table) == ("Orders", "orders_v2")
    assert orders.settings.source.scan_segments == 64
    assert [(each.from_, each.to) for each in orders.settings.renames] == [("a", "b")]
    assert orders.settings.source.read_throughput == 100
    assert (other.settings.source.scan_segments, other.settings.target.copy_ttl) == (8, False)
    assert other.settings.source.read_throughput == 5
    assert Path(orders.settings.savepoints.path) == Path(whole.settings.savepoints.path) / "Orders"
    assert orders.settings.savepoints.interval_seconds == 5
    assert orders.settings.tables is None
    assert "tables" not in orders.plain
    assert migration_identity(orders.settings) != migration_identity(other.settings)


def test_a_table_of_many_is_the_same_migration_as_alone(tmp_path: Path) -> None:
    among = of_table(many(tmp_path), Chosen("Orders", "Orders")).settings
    text = changed("target.table", "Orders", changed("source.table", "Orders", MANY))
    alone = many(tmp_path, text.partition("tables:")[0] + "savepoints: {path: x}\n")
    assert alone.settings.tables is None
    assert migration_identity(alone.settings) == migration_identity(among)


def test_what_is_hidden_in_variables_stays_hidden(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFIX", "live")
    whole = many(
        tmp_path,
        changed("tables.overrides", {"Orders": {"target": {"tags": {"x": "${PREFIX}"}}}}, MANY),
    )
    own = of_table(whole, Chosen("Orders", "Orders"))
    assert own.settings.target.tags == {"x": "live"}
    assert own.plain["target"]["tags"] == {"x": "${PREFIX}"}


def test_names_with_dots_are_taken_as_they_are(tmp_path: Path) -> None:
    text = changed(
        "tables", {"include": ["eu.Orders"], "overrides": {"eu.Orders": {"maxRejects": 3}}}, MANY
    )
    own = of_table(many(tmp_path, text), Chosen("eu.Orders", "eu.Orders"))
    assert own.settings.max_rejects == 3
    assert own.settings.savepoints.path.endswith("/eu.Orders")

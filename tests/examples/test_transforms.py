"""The functions of the examples: plain dicts in and out, as a user would test their own."""

from decimal import Decimal
from typing import Any

import pytest

from alternator_migrate.connectors.transform.code import find_code
from alternator_migrate.connectors.transform.function import UserFunctions
from tests.servers.cli import REPOSITORY

FOLDER = REPOSITORY / "examples" / "transforms"
EXAMPLES = sorted(FOLDER.glob("*.py"))


def example(name: str) -> UserFunctions:
    code = find_code(str(FOLDER / f"{name}.py"))
    assert code
    return code.functions()


def results(name: str, item: dict[str, Any]) -> list[dict[str, Any]]:
    made = example(name).transform(item)
    return [made] if isinstance(made, dict) else [*(made or ())]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_touches_nothing_without_a_reason(path: Any) -> None:
    item = {"pk": "a", "sk": "b", "other": Decimal(1)}
    functions = example(path.stem)
    (made,) = results(path.stem, dict(item))
    key = {"pk": "a", "sk": "b"}
    if path.stem != "new_key":
        assert made == item
    if functions.transform_key:
        found = functions.transform_key(key)
        keys = found if isinstance(found, list) else [found]
        assert {"pk": made["pk"], "sk": made["sk"]} in keys
        assert functions.source_key
        assert all(functions.source_key(each) == key for each in keys)


def test_old_sessions_are_dropped() -> None:
    old = {"pk": "s", "kind": "session", "lastUsed": Decimal(1_600_000_000)}
    assert results("drop_by_attribute", dict(old)) == []
    assert len(results("drop_by_attribute", {**old, "lastUsed": Decimal(1_900_000_000)})) == 1
    assert len(results("drop_by_attribute", {**old, "kind": "user"})) == 1


def test_equal_values_are_masked_alike() -> None:
    (one,) = results("mask", {"pk": "1", "email": "a@b.example", "age": Decimal(7)})
    (two,) = results("mask", {"pk": "2", "email": "a@b.example", "name": "A"})
    assert one["email"] == two["email"] != "a@b.example"
    assert (one["age"], two["name"][:5]) == (7, "name-")


def test_an_order_becomes_two_items() -> None:
    order = {"pk": "c", "sk": "o1", "total": Decimal(3), "lines": [{"n": Decimal(1)}]}
    assert results("split", order) == [
        {"pk": "c", "sk": "o1", "total": 3},
        {"pk": "c", "sk": "o1#lines", "lines": [{"n": 1}]},
    ]


def test_keys_get_a_tenant() -> None:
    assert results("new_key", {"pk": "a", "n": Decimal(1)}) == [{"pk": "eu#a", "n": 1}]

"""All mistakes at once: those of single elements."""

from typing import Any

import pytest

from tests.unit.configs import (
    NAME,
    changed,
    line_of,
    loaded,
    refused,
)


@pytest.mark.parametrize(
    ("path", "value", "wrong"),
    [
        ("target.endpoint.urls", ["http://a", "h:1", ["http://b"], "http://c", None], (1, 2, 4)),
        ("skipSegments", [-1, 0, "1", True], (0, 2, 3)),
        ("validation.recheckSeconds", [1, "x", 4000], (1, 2)),
    ],
)
def test_every_bad_element_of_a_list_is_told_with_its_line(
    path: str, value: list[Any], wrong: tuple[int, ...]
) -> None:
    text = changed("target.endpoint", {"urls": ["http://a"]}, changed("source.scanSegments", 9))
    text = changed(path, value, text)
    first = int(line_of(text, path).rpartition(" ")[2]) + 1
    lines = {0: first}
    for number in range(1, len(value)):
        before = value[number - 1]
        lines[number] = lines[number - 1] + (len(before) if isinstance(before, list) else 1)
    found = {(each.path, each.place) for each in refused(text).mistakes}
    assert found == {(f"{path}[{n}]", f"{NAME}, line {lines[n]}") for n in wrong}


def test_every_bad_tag_is_told_with_its_key_and_line() -> None:
    tags = {"good": "x", "none": None, "yes": True, "empty": "", "list": ["a"], "number": 1.10}
    text = changed("target.tags", tags)
    found = {(each.path, each.place) for each in refused(text).mistakes}
    wrong = (f"target.tags.{key}" for key in ("none", "yes", "list"))
    assert found == {(path, line_of(text, path)) for path in wrong}


def test_a_tag_may_be_empty() -> None:
    assert dict(loaded(changed("target.tags", {"a": ""}))[0].target.tags) == {"a": ""}

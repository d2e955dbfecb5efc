"""Names of attributes, chosen by names and globs."""

import pytest

from alternator_migrate.dynamodb.attribute_names import is_glob, left_out


@pytest.mark.parametrize(
    ("drop", "keep", "gone"),
    [
        (["aws:rep:*"], [], {"aws:rep:deleting", "aws:rep:updatetime"}),
        (["a.c"], [], set()),
        (["a?c"], [], {"abc"}),
        (["A*"], [], set()),
        (["pk", "*"], [], {"abc", "aws:rep:deleting", "aws:rep:updatetime", "line\nfeed", "["}),
        ([], ["abc"], {"aws:rep:deleting", "aws:rep:updatetime", "line\nfeed", "["}),
        (["aws:rep:d*"], ["a*"], {"aws:rep:deleting", "line\nfeed", "["}),
        (["["], [], {"["}),
        (["line*"], [], {"line\nfeed"}),
        ([], [], set()),
    ],
)
def test_names_and_globs(drop: list[str], keep: list[str], gone: set[str]) -> None:
    names = ["pk", "abc", "aws:rep:deleting", "aws:rep:updatetime", "line\nfeed", "["]
    is_left_out = left_out(drop, keep, {"pk"})
    assert {name for name in names if is_left_out(name)} == gone


def test_a_name_is_no_glob() -> None:
    assert not is_glob("aws:rep:deleting")
    assert is_glob("aws:rep:*") and is_glob("a?")

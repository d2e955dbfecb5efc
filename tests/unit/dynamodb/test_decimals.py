"""Numbers as texts: one spelling for each value, exact distances, exponents of any size."""

from decimal import Decimal
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alternator_migrate.dynamodb.decimals import all_near, near, plain
from tests.support import shapes
from tests.support.spelling import number_in_other_words

NINES = "9" * 38
NUMBERS = shapes.number_texts()


@pytest.mark.parametrize(
    ("text", "spelled"),
    [
        ("0", "0"),
        ("-0", "0"),
        ("-0.00e5", "0"),
        ("0e999999999", "0"),
        ("007", "7"),
        ("+5", "5"),
        (".25", "0.25"),
        ("8.", "8"),
        ("-8.e0", "-8"),
        ("1.50", "1.5"),
        ("1000", "1000"),
        ("1000.0", "1000"),
        ("1e3", "1000"),
        ("1E+3", "1000"),
        ("0.1E+4", "1000"),
        ("100000e-2", "1000"),
        ("-12.5E-3", "-0.0125"),
        ("12.5e1", "125"),
        ("12.75e1", "127.5"),
        (f"{NINES[:20]}.{NINES[20:]}", f"{NINES[:20]}.{NINES[20:]}"),
        ("1E125", "1" + "0" * 125),
        ("1E-130", "0." + "0" * 129 + "1"),
        (f"0.{'0' * 60}10", f"0.{'0' * 60}1"),
        ("1e200", "1e200"),
        ("1e199", "1" + "0" * 199),
        ("10e198", "1" + "0" * 199),
        ("1e-200", "0." + "0" * 199 + "1"),
        ("10e-201", "0." + "0" * 199 + "1"),
        ("1e-201", "1e-201"),
        ("120e1000000000", "12e1000000001"),
        ("-0.00012E-999999999", "-12e-1000000004"),
    ],
)
def test_a_number_has_one_spelling(text: str, spelled: str) -> None:
    assert plain(text) == spelled
    assert plain(spelled) == spelled


@pytest.mark.parametrize(
    "text",
    [
        *("", ".", "+", "-.", "e5", ".e5", "1e", "1e+", "1e1.5", "--1", "1 ", " 1", "1_0", "0x1"),
        *("NaN", "Infinity", "1,5", "1.2.3", "one", "\u0661", "1\n", f"1e{'9' * 5000}"),
    ],
)
def test_what_is_no_number_stays_as_it_is(text: str) -> None:
    assert plain(text) == text


def test_long_texts_take_no_longer_than_their_length() -> None:
    digits = "1" * 300_000
    for text in (f"{digits}x", f"{digits}.{digits}x", f"{digits}e{digits}", f".{digits}e"):
        assert plain(text) == text
    assert plain(f"{digits}.") == f"{digits}e0"
    assert plain(f"0.{digits}0") == f"{digits}e-300000"


@given(NUMBERS, NUMBERS)
@settings(max_examples=300)
def test_two_numbers_share_a_spelling_if_they_are_equal(a: str, b: str) -> None:
    assert (plain(a) == plain(b)) == (Decimal(a) == Decimal(b))
    assert Decimal(plain(a)) == Decimal(a)
    assert plain(plain(a)) == plain(a)


@given(NUMBERS, st.builds(Random, st.integers(0, 2**32)))
@settings(max_examples=300)
def test_any_notation_gives_the_same_spelling(text: str, chance: Random) -> None:
    assert plain(number_in_other_words(text, chance)) == plain(text)


@pytest.mark.parametrize(
    ("a", "b", "tolerance", "close"),
    [
        ("1", "1", "0", True),
        ("1", "1.001", "0.001", True),
        ("1.001", "1", "0.001", True),
        ("1", "1.0010000000000000000000000000000000001", "0.001", False),
        ("-0.0005", "0.0005", "0.001", True),
        ("-1", "1", "1.999", False),
        ("-1", "1", "2", True),
        (NINES, "1" + "0" * 38, "1", True),
        (NINES, "1" + "0" * 38, "0.99", False),
        ("1" + "0" * 125, "1" + "0" * 124 + "1", "1", True),
        ("1" + "0" * 125, "1" + "0" * 124 + "2", "1", False),
        ("0." + "0" * 129 + "1", "0", "1e-130", True),
        ("0." + "0" * 129 + "1", "0", "1e-131", False),
        ("1e1000000000", "1e1000000000", "0", True),
        ("1e1000000000", "1", "1e99", False),
        ("1e1000000000", "2e1000000000", "1e99", False),
        ("one", "one", "0", True),
        ("one", "1", "5", False),
    ],
)
def test_distance_is_absolute_and_exact(a: str, b: str, tolerance: str, close: bool) -> None:
    assert near(a, b, Decimal(tolerance)) is close


@pytest.mark.parametrize(
    ("a", "b", "close"),
    [
        (["1", "2"], ["2.01", "1.01"], True),
        (["9", "10"], ["10.01", "9.01"], True),
        (["-1", "-2"], ["-2.01", "-0.99"], True),
        (["1", "2"], ["1", "2", "2"], False),
        (["1", "1"], ["1", "1.02"], False),
        (["1.01", "1"], ["1.02", "1.01"], True),
        (["1", "1e500"], ["1e500", "1.01"], True),
        (["1", "1e500"], ["1e501", "1.01"], False),
        (["x", "1"], ["1", "x"], True),
        (["x", "1"], ["1", "y"], False),
        ([], [], True),
        (["1"], [], False),
    ],
)
def test_the_members_of_sets_are_paired_by_size(a: list[str], b: list[str], close: bool) -> None:
    assert all_near(a, b, Decimal("0.01")) is close
    assert all_near(b, a, Decimal("0.01")) is close

"""The limits that may be changed while a run lasts: their names, values and bounds."""

import pytest

from alternator_migrate.cli.limits import BadSetting, changed, limit_named, of_run, told
from alternator_migrate.core.model import Concurrency
from alternator_migrate.core.steering import NO_CAPS, Caps, within

ALLOWED = Caps(read=4000.0, write=None, readers=16, writers=64)


def test_limits_are_lowered_and_lifted_again() -> None:
    asked = changed(NO_CAPS, ALLOWED, ["readThroughput=2,000", "target.maxConnections=8"])
    assert asked == Caps(read=2000.0, writers=8)
    asked = changed(asked, ALLOWED, ["readThroughput=none", "writeThroughput=0.5"])
    assert asked == Caps(write=0.5, writers=8)


@pytest.mark.parametrize(
    ("word", "words"),
    [
        ("readThroughput=4001", "beyond the 4,000 units/s"),
        ("maxMapTasks=17", "beyond the 16 segments read at once"),
        ("maxConnections=2.5", "must be a whole number of at least 1"),
        ("maxConnections=0", "must be a whole number of at least 1"),
        ("writeThroughput=0", "must be a number of at least 0.1"),
        ("writeThroughput=nan", "must be a number of at least 0.1"),
        ("writeThroughput=inf", "must be a number of at least 0.1"),
        ("writeThroughput=many", "must be a number of at least 0.1"),
        ("readThroughputs=5", "did you mean readThroughput?"),
        ("scanSegments=5", "cannot be changed in this run, but readThroughput,"),
    ],
)
def test_what_cannot_be_is_refused(word: str, words: str) -> None:
    with pytest.raises(BadSetting) as caught:
        changed(NO_CAPS, ALLOWED, ["maxConnections=4", word])
    assert words in str(caught.value)


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(BadSetting, match=r"maxMapTasks.*; .*writeThroughput"):
        changed(NO_CAPS, ALLOWED, ["maxMapTasks=x", "writeThroughput=y", "readThroughput=5"])


def test_a_limit_is_told_with_what_the_configuration_allows() -> None:
    read, write = limit_named("readThroughput"), limit_named("target.writeThroughput")
    assert told(read, NO_CAPS, ALLOWED) == "4,000 units/s"
    lowered = told(read, Caps(read=12.5), ALLOWED)
    assert lowered == "12.5 units/s (the configuration allows 4,000)"
    assert told(write, NO_CAPS, ALLOWED) == "no limit"
    assert told(write, Caps(write=7.0), ALLOWED) == "7 units/s"


def test_a_slice_keeps_to_its_share_and_always_has_one_of_each() -> None:
    both = within(Concurrency(readers=16, writers=64), Caps(readers=8, writers=2), 0.25)
    assert (both.readers, both.writers) == (2, 1)


def test_a_run_that_does_not_obey_a_limit_refuses_it() -> None:
    validation = Caps(read=None, write=100.0)
    assert [each.name for each in of_run(validation)] == ["readThroughput", "writeThroughput"]
    with pytest.raises(BadSetting, match="maxMapTasks cannot be changed in this run"):
        changed(NO_CAPS, validation, ["maxMapTasks=4"])

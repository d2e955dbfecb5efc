"""Errors of the house travel between processes as they are."""

import copy
import pickle

import pytest

from alternator_migrate.core import errors
from alternator_migrate.core.errors import MigrateError, first_of

SAMPLES = (
    MigrateError("what", "remedy"),
    errors.UsageError("what", "remedy"),
    errors.HoldsItemsError("what", "remedy"),
    errors.ConfigError([errors.Mistake("a.b", "line 3", "is wrong")], "remedy"),
    errors.ServerRefused("Scan", "AccessDenied", "words"),
    errors.BatchTooLong("BatchWriteItem", "ValidationException", "words", 25),
    errors.ItemsRefused("BatchWriteItem", "ValidationException", "words", "remedy"),
    errors.Retryable("what", "http://node"),
    errors.Throttled("what", "http://node"),
    errors.Unavailable("what", "http://node"),
    errors.ServerFault("what", "http://node"),
    errors.OutOfTime("what", "remedy"),
    errors.BadAnswer("what", "remedy"),
    errors.AnswerTooLarge("what", "remedy"),
    errors.TrimmedData("what", "remedy"),
    errors.WorkerLost("what", "remedy"),
    errors.TooManyRejects("what", "remedy"),
    errors.AccountingBroken("what"),
)


def kinds(parent: type[MigrateError] = MigrateError) -> set[type[MigrateError]]:
    """A kind of error and all below it, those of other rooms too."""
    return {parent}.union(*(kinds(child) for child in parent.__subclasses__()))


def test_every_kind_has_a_sample() -> None:
    own = {kind for kind in kinds() if kind.__module__ == errors.__name__}
    assert {type(sample) for sample in SAMPLES} == own


@pytest.mark.parametrize("error", SAMPLES, ids=lambda error: type(error).__name__)
def test_a_copy_from_another_process_is_the_same(error: MigrateError) -> None:
    for again in (pickle.loads(pickle.dumps(error)), copy.deepcopy(error)):
        assert type(again) is type(error)
        assert str(again) == str(error)
        assert (again.args, vars(again)) == (error.args, vars(error))
        assert again.exit_code == error.exit_code


def test_the_first_error_of_a_group_is_found() -> None:
    first, second = MigrateError("first"), MigrateError("second")
    nested = ExceptionGroup("", [ExceptionGroup("", [first]), second])
    assert first_of(nested) is first
    assert first_of(second) is second


def test_others_are_no_errors_of_the_house() -> None:
    with pytest.raises(ExceptionGroup):
        first_of(ExceptionGroup("", [MigrateError("ours"), KeyError("a bug")]))
    with pytest.raises(KeyError):
        first_of(KeyError("a bug"))

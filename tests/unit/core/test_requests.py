"""The figures of requests: by operation, and by what went wrong."""

from alternator_migrate.core.errors import Throttled, Unavailable
from alternator_migrate.core.requests import OperationFigures, RequestFigures, Requests


def a_clock() -> float:
    return 1_000.0


def test_answers_and_failures_are_counted_by_operation() -> None:
    requests = Requests(a_clock)
    requests.answered("Scan", 0.02)
    requests.failed("Scan", Throttled("Scan: too fast"))
    requests.failed("BatchWriteItem", Unavailable("BatchWriteItem: HTTP 500"))
    requests.partly("BatchWriteItem")
    found = dict(requests.figures.operations)
    assert (found["Scan"].answered, found["Scan"].throttled) == (1, 1)
    assert (found["BatchWriteItem"].failed, found["BatchWriteItem"].partly) == (1, 1)
    assert requests.figures.latency.count == 1


def test_causes_of_one_kind_are_one_with_the_last_words() -> None:
    requests = Requests(a_clock)
    for number in (1, 22):
        words = f"request {number} timed out at http://a:1"
        requests.failed("Scan", Unavailable(words, node="http://a:1"))
    [cause] = requests.figures.causes
    assert (cause.count, cause.words) == (2, "request 22 timed out at http://a:1")
    assert not cause.throttled


def test_only_the_last_kinds_are_kept() -> None:
    requests = Requests(a_clock)
    for letter in "abcdefghijklmnopqrstuvwxyz":
        requests.failed("Scan", Unavailable(f"error {letter}"))
    kinds = [cause.kind for cause in requests.figures.causes]
    assert len(kinds) == 20
    assert kinds[-1] == "error z"


def test_figures_of_workers_add_up_and_what_came_since_is_told_apart() -> None:
    requests = Requests(a_clock)
    requests.answered("Scan", 0.01)
    requests.failed("Scan", Unavailable("down"))
    before = requests.figures
    requests.answered("Scan", 0.01, 2.5)
    requests.failed("Scan", Unavailable("down"))
    since = requests.figures - before
    assert dict(since.operations)["Scan"].answered == 1
    assert [cause.count for cause in since.causes] == [1]
    both = RequestFigures() + since + since
    assert dict(both.operations)["Scan"].failed == 2
    assert dict(both.operations)["Scan"].units == 5.0
    assert [cause.count for cause in both.causes] == [2]
    assert dict(both.operations)["Scan"] - OperationFigures() == dict(both.operations)["Scan"]

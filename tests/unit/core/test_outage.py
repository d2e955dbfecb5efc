"""What is said of failing requests: at once, at each change, and never a flood."""

import logging

import pytest

from alternator_migrate.core.errors import Throttled, Unavailable
from alternator_migrate.core.outage import Trouble


class Clock:
    """Tells the time it was set to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Scene:
    """A server in trouble, and what is said of it."""

    def __init__(self, caplog: pytest.LogCaptureFixture) -> None:
        self.clock = Clock()
        self.trouble = Trouble(self.clock)
        self._caplog = caplog
        caplog.set_level(logging.INFO)

    def fails(
        self, words: str, node: str = "", seconds: float = 0.0, *, answered: bool = True
    ) -> None:
        """A request fails, and is answered, or left, after so many seconds."""
        request = self.trouble.begins(300)
        self.trouble.failed(request, Unavailable(words, node))
        self.clock.now += seconds
        self.trouble.ends(request, answered=answered)

    @property
    def told(self) -> list[str]:
        """What was said since the last time."""
        messages = [record.getMessage() for record in self._caplog.records]
        self._caplog.clear()
        return messages


@pytest.fixture
def scene(caplog: pytest.LogCaptureFixture) -> Scene:
    """A server in trouble."""
    return Scene(caplog)


def test_the_first_failure_is_told_at_once_with_the_time_that_is_left(scene: Scene) -> None:
    request = scene.trouble.begins(300)
    scene.clock.now += 20
    scene.trouble.failed(request, Throttled("BatchWriteItem at http://a: Throttled: slow down"))
    assert scene.told == [
        f"server throttling since {request.since}: BatchWriteItem at http://a: Throttled: slow "
        "down; giving up in 4m40s"
    ]


def test_other_words_are_told_and_the_same_ones_of_other_nodes_are_not(scene: Scene) -> None:
    for number in range(50):
        node = f"http://10.0.0.{number}:8000"
        scene.fails(f"Scan at {node}: InternalServerError: shard {number} of 0afe19cd", node)
    scene.fails("Scan at http://10.0.0.1:8000: timeout", "http://10.0.0.1:8000")
    first, second = scene.told
    assert "shard 0" in first and "timeout" in second


def test_a_server_that_comes_and_goes_does_not_flood_the_log(scene: Scene) -> None:
    for _ in range(3600):
        scene.fails("Scan: reset", seconds=1.0)
        scene.fails("Scan: refused", seconds=1.0)
    assert len(scene.told) <= 2 * 8
    scene.clock.now += 3 * 3600
    scene.fails("Scan: reset")
    scene.clock.now += 61
    scene.fails("Scan: reset")
    assert len(scene.told) == 2


def test_words_that_are_always_others_do_not_flood_it_either(scene: Scene) -> None:
    for first in "abcdefghij":
        for second in "xyz":
            scene.fails(f"Scan: unlucky {first * 3}{second * 3} thing")
    assert len(scene.told) == 10
    scene.clock.now += 61
    scene.fails("Scan: something else")
    assert len(scene.told) == 1


def test_the_end_of_a_long_trouble_is_told(scene: Scene) -> None:
    scene.fails("Scan: reset", seconds=3)
    assert len(scene.told) == 1
    scene.clock.now += 60
    scene.fails("Scan: reset", seconds=42)
    assert scene.told[1:] == ["requests are answered again, after 42s"]


def test_a_request_that_is_given_up_is_not_said_to_be_answered(scene: Scene) -> None:
    scene.fails("Scan: reset", seconds=300, answered=False)
    assert len(scene.told) == 1


def test_the_reason_is_that_of_the_oldest_request_once_it_lasts(scene: Scene) -> None:
    assert scene.trouble.reason == ""
    request = scene.trouble.begins(300)
    failure = Unavailable("Put at http://a: 500: (no; really)")
    failure.side = "target"
    scene.trouble.failed(request, failure)
    assert scene.trouble.reason == ""
    scene.clock.now += 50
    other = scene.trouble.begins(300)
    scene.trouble.failed(other, Unavailable("another"))
    words = "(Put at http://a: 500: no really), giving up in 4m10s"
    assert scene.trouble.reason == f"target not answering since {request.since} {words}"
    scene.trouble.ends(request, answered=True)
    assert scene.trouble.reason == ""

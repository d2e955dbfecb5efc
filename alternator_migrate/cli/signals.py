"""The signals that a run hears: the first one to stop it in good order, a second one at once;
SIGUSR1 for a status line, SIGUSR2 for a savepoint."""

import asyncio
import logging
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final

log = logging.getLogger(__name__)
_STOPPING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


class Signals:
    """`received` is the number of the signal that asked to stop, 0 before. `leaving` is called
    before a second one ends the process; `ask_to_stop` does what a first SIGTERM does, and nothing
    else."""

    def __init__(self, leaving: Callable[[], None]) -> None:
        self._leaving = leaving
        self.received = 0
        self._stop: Callable[[int], None] = lambda _: None

    def ask_to_stop(self) -> None:
        """Stop in good order, unless that was asked for already."""
        if not self.received:
            self._stop(signal.SIGTERM)

    def listen(
        self,
        stop: asyncio.Event,
        save: Callable[[], None],
        tell: Callable[[], None],
        is_at_work: Callable[[], bool],
    ) -> None:
        """Set `stop` when asked to; cancel the current task then, unless it `is_at_work` that
        looks at `stop` itself. Ignored signals, as under nohup, stay so."""
        loop, task = asyncio.get_running_loop(), asyncio.current_task()

        def react(number: int) -> None:
            if self.received:
                self._leaving()
                os._exit(128 + number)
            self.received = number
            log.info("stopping: what has been read is written first; again leaves at once")
            if task and not is_at_work():
                task.cancel()
            stop.set()

        self._stop = react
        for each in _STOPPING:
            if signal.getsignal(each) is not signal.SIG_IGN:
                loop.add_signal_handler(each, react, int(each))
        _hear(signal.SIGUSR1, loop, tell)
        _hear(signal.SIGUSR2, loop, save)

    def listen_no_more(self) -> None:
        """The run is over and saved: a signal must not keep its ending from being told."""
        for each in _STOPPING:
            signal.signal(each, signal.SIG_IGN)


@contextmanager
def as_before() -> Iterator[None]:
    """Have signals that stop be heard after the block as before it: a run that is over ignores
    them, for its ending is to be told."""
    kept = {each: signal.getsignal(each) for each in _STOPPING}
    try:
        yield
    finally:
        for each, handler in kept.items():
            signal.signal(each, handler)


def _hear(
    number: signal.Signals, loop: asyncio.AbstractEventLoop, react: Callable[[], None]
) -> None:
    """Have the loop `react` to a signal. A handler of the loop's own would be taken away with it,
    and the signal would kill then."""

    def wake(*_: object) -> None:
        with suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(react)

    if signal.getsignal(number) is not signal.SIG_IGN:
        signal.signal(number, wake)

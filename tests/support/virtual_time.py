"""An event loop on which time costs nothing: it jumps to the next timer when nothing is ready."""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


_A_TURN = 1e-7


class _Jump(selectors.DefaultSelector):
    """Never waits: what it would have waited is added to `now`, and a little for each turn."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise RuntimeError("every task waits for another: a deadlock")
        self.now += max(timeout, _A_TURN)
        return super().select(0)


class VirtualLoop(asyncio.SelectorEventLoop):
    """Time begins at 0 and passes only in waits; a deadlock raises `RuntimeError`."""

    def __init__(self) -> None:
        self._jump = _Jump()
        super().__init__(self._jump)

    def time(self) -> float:
        return self._jump.now


def now() -> float:
    """Seconds on the clock of the running loop; exact to some turns of the loop."""
    return asyncio.get_running_loop().time()


def run(scene: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """The result of `await scene()` on a loop of its own."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(scene())

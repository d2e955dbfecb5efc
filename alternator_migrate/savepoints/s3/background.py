"""An event loop of its own, in a thread: for callers that wait, and for what goes on meanwhile."""

import asyncio
import atexit
import threading
from collections.abc import Coroutine
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any, Final, TypeVar

T = TypeVar("T")
_CLOSING_SECONDS: Final = 5


class Background:
    """A loop that runs until the process ends; what was opened on it is closed then."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._stack = AsyncExitStack()
        threading.Thread(target=self._loop.run_forever, name="s3", daemon=True).start()
        atexit.register(self._close)

    def do(self, work: Coroutine[Any, Any, T], seconds: float | None = None) -> T:
        """The result of `work`, done on the loop. Raises what it raises, and `TimeoutError`; where
        waiting for it is interrupted, it is cancelled."""
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result(seconds)
        except BaseException:
            future.cancel()
            raise

    def open(self, context: AbstractAsyncContextManager[T]) -> T:
        """Enter a context on the loop, to be left at the end of the process."""
        return self.do(self._stack.enter_async_context(context))

    def _close(self) -> None:
        try:
            self.do(self._stack.aclose(), _CLOSING_SECONDS)
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)

"""The one retry layer: what is tried again, how long for, and after which wait."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Concatenate, NoReturn, ParamSpec, Protocol, TypeVar

import tenacity

from alternator_migrate.core.errors import OutOfTime, Retryable, Throttled
from alternator_migrate.core.outage import Repeating, Trouble

P = ParamSpec("P")
T = TypeVar("T")


class Turn(Protocol):
    """The turn of something that sends requests one after another, such as a segment that is
    read."""

    at: float
    """Where in the hash range, [0, 1), it is."""

    @property
    def is_fresh(self) -> bool:
        """Whether hardly a request was answered since it began, or was last throttled."""
        ...

    async def rest(self, *, wide: bool) -> None:
        """Wait, while others go on, before a throttled request is sent again; `wide` if it is the
        whole table that gives no more."""
        ...


class Retry:
    """Repeat what is `Retryable`, with exponential waits and full jitter, for `budget` seconds: the
    last attempt begins when they are over, by the `clock` (seconds; None: the event loop's).

    `retries` and `throttled` count repeated attempts and throttled answers over the run;
    `repeating` requests have failed and are being repeated now.
    """

    def __init__(
        self,
        budget: float,
        first_wait: float = 0.05,
        longest_wait: float = 10.0,
        clock: Callable[[], float] | None = None,
    ) -> None:
        self.budget = budget
        self._clock = clock
        self.retries = 0
        self.throttled = 0
        self.repeating = 0
        self._also: Retry | None = None
        self._trouble = Trouble(clock or time.monotonic)
        self._wait = tenacity.wait_random_exponential(multiplier=first_wait, max=longest_wait)

    async def __call__(
        self,
        attempt: Callable[Concatenate[str, P], Awaitable[T]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """The result of `attempt(avoid, *args)`, where `avoid` names the node that failed last,
        or ""; raises `OutOfTime` from the last failure."""
        return await self.resting(None, attempt, *args, **kwargs)

    async def resting(
        self,
        turn: Turn | None,
        attempt: Callable[Concatenate[str, P], Awaitable[T]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """The same, where after a throttled attempt its `turn` rests the next may be made."""
        try:
            return await attempt("", *args, **kwargs)
        except Retryable as failure:
            pending: list[Retryable] = [failure]
            failed = failure

        async def again() -> T:
            nonlocal failed
            if pending:
                raise pending.pop()
            try:
                return await attempt(failed.node, *args, **kwargs)
            except Retryable as failure:
                failed = failure
                raise

        clock = self._clock or asyncio.get_running_loop().time
        began = clock()
        end = began + self.budget
        request = self._trouble.begins(self.budget)
        policy = tenacity.AsyncRetrying(
            sleep=lambda seconds: _pause(turn, failed, seconds),
            retry=tenacity.retry_if_exception_type(Retryable),
            wait=lambda state: max(min(self._wait(state), end - clock()), 0.0),
            stop=lambda _: clock() >= end,
            before_sleep=lambda _: self._note(request, failed),
            retry_error_callback=lambda state: _give_up(state, clock() - began),
        )
        self.repeating += 1
        answered = False
        try:
            result: T = await policy(again)
            answered = True
        finally:
            self.repeating -= 1
            self._trouble.ends(request, answered=answered)
        return result

    @property
    def reason(self) -> str:
        """Why requests are repeated, for some seconds now, and how long they will be; or ""."""
        return self._trouble.reason

    def apart(self, budget: float | None = None) -> "Retry":
        """Another one, with the same budget unless another is given, whose attempts count here too;
        what it repeats does not."""
        other = Retry(self.budget if budget is None else budget, clock=self._clock)
        other._also, other._wait, other._trouble = self, self._wait, self._trouble
        return other

    def note_repeated(self) -> None:
        """Something was sent once more, otherwise than by this policy."""
        self._count(throttled=False)

    def note_throttled(self) -> None:
        """Part of a request was throttled and has to be sent again."""
        self._count(throttled=True)

    def _note(self, request: Repeating, failure: Retryable) -> None:
        self._count(throttled=isinstance(failure, Throttled))
        self._trouble.failed(request, failure)

    def _count(self, *, throttled: bool) -> None:
        self.retries += 1
        self.throttled += throttled
        if self._also:
            self._also._count(throttled=throttled)


async def _pause(turn: Turn | None, failed: Retryable, seconds: float) -> None:
    """Wait before the next attempt: where it was throttled, as its turn does."""
    if turn and isinstance(failed, Throttled):
        await turn.rest(wide=failed.scope == "table")
    else:
        await asyncio.sleep(seconds)


def _give_up(state: tenacity.RetryCallState, seconds: float) -> NoReturn:
    cause = state.outcome.exception() if state.outcome else None
    words, hint = (cause.args[0], cause.hint) if isinstance(cause, Retryable) else (cause, "")
    raise OutOfTime(
        f"gave up after {state.attempt_number} attempts in {seconds:.0f} s: {words}",
        hint or "Raise retryBudgetSeconds if the server needs longer to recover.",
    ) from cause

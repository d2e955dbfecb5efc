"""Runs slices in the processes of a Dask cluster, on one event loop beside Dask's."""

import asyncio
import logging
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final

from alternator_migrate import __version__
from alternator_migrate.core.errors import MigrateError
from alternator_migrate.core.runtime import loop_factory
from alternator_migrate.core.work import Job, Slice, SliceResult, WorkerSession, nothing_done
from alternator_migrate.engines.lateness import LEASE_SECONDS, LOOK_SECONDS
from alternator_migrate.engines.slice_runner import OUR_LOGGER, work_off

_TOLD: ContextVar[tuple[str, int]] = ContextVar("told", default=("", logging.NOTSET))
"""The topic under which what is logged here is told, and from which level on."""
_LEVELS: Final[list[int]] = []
"""The levels from which the sessions of this process want to log."""
# Longer than the gap between two slices; the connections of a run that is over do not stay.
_IDLE_SECONDS: Final = 30.0
_Order = tuple[Slice[Any], asyncio.Future[SliceResult[Any]]]


def dask_setup(_worker: object) -> None:
    """Called by Dask as a worker of a local cluster starts, which preloads this module.

    Such a worker ends with its run, and logs a heartbeat that comes to nothing then as an error.
    What matters to the run comes back with a slice, or as a lost worker.
    """
    logging.getLogger("distributed").setLevel(logging.CRITICAL)


def versions() -> tuple[str, str]:
    """The versions of this tool and of Python here."""
    return __version__, f"{sys.version_info.major}.{sys.version_info.minor}"


def obstacle(job: Job) -> str:
    """Why the job cannot be done here, or ""; it is wanted from now on."""
    want(job.key)
    try:
        job.check()
    except MigrateError as error:
        return str(error)
    return ""


def slice_done(job: Job, piece: Slice[Any], level: int) -> SliceResult[Any]:
    """Do a slice of a job; what is logged for that job from `level` on is told to its run. Called
    in a thread of Dask's, which it keeps until the end."""
    sessions = _Sessions.of_this_process()
    sessions.tell_by(get_worker)
    done = sessions.do(job, piece, level)
    return asyncio.run_coroutine_threadsafe(done, sessions.loop).result()


def want(key: str) -> None:
    """The slices of the job with this key are wanted, for so long as a lease lasts."""
    _Sessions.of_this_process().wanted_until[key] = time.monotonic() + LEASE_SECONDS


def recall(key: str) -> None:
    """Have the slices of the job with this key that are under way here end."""
    sessions = _Sessions.of_this_process()
    sessions.loop.call_soon_threadsafe(sessions.hurry, key)


def get_worker() -> Any:
    """Dask's worker that this thread belongs to."""
    from distributed import get_worker as found  # noqa: PLC0415 # slow to import

    return found()


def topic_of(job: Job) -> str:
    """The topic under which the scheduler passes on what is logged for a job."""
    return f"alternator-migrate-{job.key}"


class _Sessions:
    """The idle sessions of each job, and their event loop in a thread that lasts as long as the
    process."""

    _only: "_Sessions | None" = None
    _turn = threading.Lock()

    def __init__(self) -> None:
        self.loop = loop_factory()()
        self._idle: dict[str, list[_Session]] = {}
        self._busy: dict[str, set[_Session]] = defaultdict(set)
        self.wanted_until: dict[str, float] = {}
        self._is_told = False
        threading.Thread(target=self.loop.run_forever, name="slices", daemon=True).start()

    def tell_by(self, worker: Callable[[], Any]) -> None:
        """Have what is logged passed on by Dask's `worker()`; once."""
        with self._turn:
            if not self._is_told:
                logging.getLogger(OUR_LOGGER).addHandler(_Forward(worker()))
            self._is_told = True

    @classmethod
    def of_this_process(cls) -> "_Sessions":
        """Those of this process, made when first needed."""
        with cls._turn:
            cls._only = cls._only or _Sessions()
            return cls._only

    async def do(self, job: Job, piece: Slice[Any], level: int) -> SliceResult[Any]:
        """Do a slice in a session that is idle, or in a new one; it is given up, within the grace
        of one that is to hurry, when it is wanted no more."""
        if self._wanted_for(job.key) <= 0:
            await asyncio.sleep(LOOK_SECONDS)
            return nothing_done(piece)
        doing = asyncio.ensure_future(self._in_session(job, piece, level))
        while not doing.done():
            await asyncio.wait({doing}, timeout=LOOK_SECONDS)
            if self._wanted_for(job.key) <= 0:
                self.hurry(job.key)
        return doing.result()

    def _wanted_for(self, key: str) -> float:
        return self.wanted_until.get(key, 0.0) - time.monotonic()

    async def _in_session(self, job: Job, piece: Slice[Any], level: int) -> SliceResult[Any]:
        idle, busy = self._idle.setdefault(job.key, []), self._busy[job.key]
        session = idle.pop() if idle else _Session(job, level)
        busy.add(session)
        try:
            while (report := await session.do(piece)) is None:
                busy.discard(session)
                session = _Session(job, level)
                busy.add(session)
        finally:
            busy.discard(session)
        idle.append(session)
        return report

    def hurry(self, key: str) -> None:
        """Have the slices of a job that are under way end."""
        for session in self._busy[key]:
            session.hurry.set()


class _Session:
    """An open job for one slice at a time, closed when none has come for half a minute."""

    def __init__(self, job: Job, level: int) -> None:
        self.hurry = asyncio.Event()
        self._orders: asyncio.Queue[_Order] = asyncio.Queue()
        self._serving = asyncio.get_running_loop().create_task(self._serve(job, level))

    async def do(self, piece: Slice[Any]) -> SliceResult[Any] | None:
        """Do one slice; None where the session has just been closed."""
        answer: asyncio.Future[SliceResult[Any]] = asyncio.get_running_loop().create_future()
        self.hurry.clear()  # now, not when it begins: it may be wanted no more by then
        self._orders.put_nowait((piece, answer))
        either: set[asyncio.Future[Any]] = {answer, self._serving}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if answer.done():
            return answer.result()
        try:
            return self._serving.result()
        except MigrateError as error:
            return nothing_done(piece, error)

    async def _serve(self, job: Job, level: int) -> None:
        _TOLD.set((topic_of(job), level))
        with _logging_from(level):
            async with job.open() as session:
                while order := await self._next():
                    await _run_slice(order, session, self.hurry)

    async def _next(self) -> _Order | None:
        try:
            return await asyncio.wait_for(self._orders.get(), _IDLE_SECONDS)
        except TimeoutError:
            return None


async def _run_slice(order: _Order, session: WorkerSession, hurry: asyncio.Event) -> None:
    piece, answer = order
    answer.set_result(await work_off(session.begin(piece), piece.seconds, hurry))


@contextmanager
def _logging_from(level: int) -> Iterator[None]:
    """Log from `level` on while the block lasts, or from a lower one that another session wants."""
    _LEVELS.append(level)
    _heed_levels()
    try:
        yield
    finally:
        _LEVELS.remove(level)
        _heed_levels()


def _heed_levels() -> None:
    logging.getLogger(OUR_LOGGER).setLevel(min(_LEVELS, default=logging.NOTSET))


class _Forward(logging.Handler):
    """Sends what is logged for a job to whoever runs that, by way of the scheduler."""

    def __init__(self, worker: Any) -> None:
        super().__init__()
        self._worker = worker

    def emit(self, record: logging.LogRecord) -> None:
        """Send one record."""
        topic, level = _TOLD.get()
        if topic and record.levelno >= level:
            told = {"name": record.name, "level": record.levelno, "words": record.getMessage()}
            self._worker.log_event(topic, told)

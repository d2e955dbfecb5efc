"""The whole life of a worker process: it imports little until it has its job."""

import asyncio
import gc
import logging
import multiprocessing
import os
import socket
import traceback
from contextlib import suppress
from logging.handlers import QueueHandler
from typing import Any, Final

from alternator_migrate.core.errors import MigrateError
from alternator_migrate.core.runtime import on_loop, spare_the_collector
from alternator_migrate.core.work import Job, Slice, SliceRun, WorkerSession, nothing_done
from alternator_migrate.engines.pipe import Pipe
from alternator_migrate.engines.slice_runner import OUR_LOGGER, work_off

_TELL_SECONDS: Final = 0.5
_GONE = (EOFError, OSError)


class Recall:
    """Asks a worker to end the slice that it has under way."""


def live(end: socket.socket, level: int) -> None:
    """Serve slices over one end of a socket pair, until the other is closed; what is logged from
    `level` on is told there."""
    gc.set_threshold(100_000, 20, 50)  # imports make many objects, and next to no garbage
    try:
        on_loop(lambda: _serve(end, level))
    except* _GONE:
        pass
    os._exit(0)


async def _serve(end: socket.socket, level: int) -> None:
    if parent := multiprocessing.parent_process():
        asyncio.get_running_loop().add_reader(parent.sentinel, os._exit, 1)
    pipe = await Pipe.over(end)
    logging.getLogger().addHandler(_Forward(pipe))
    logging.getLogger(OUR_LOGGER).setLevel(level)
    job: Job = await pipe.receive()
    try:
        async with job.open() as session:
            spare_the_collector()
            await _slices(pipe, session)
    except MigrateError as error:
        await pipe.send(nothing_done(await pipe.receive(), error))
    except Exception as failure:  # noqa: BLE001 # told to the process that runs this one
        _, others = _split(failure)
        if others:
            await pipe.send(RuntimeError("".join(traceback.format_exception(failure))))


async def _slices(pipe: Pipe, session: WorkerSession) -> None:
    """Do slice after slice. While one is under way nothing comes but its recall, or the end of the
    pipe."""
    async with asyncio.TaskGroup() as group:
        coming = group.create_task(_order(pipe))
        while piece := await coming:
            hurry = asyncio.Event()
            coming = group.create_task(_order(pipe, hurry))
            run = session.begin(piece)
            telling = group.create_task(_tell(pipe, run))
            report = await work_off(run, piece.seconds, hurry)
            telling.cancel()
            await pipe.send(report)


async def _order(pipe: Pipe, came: asyncio.Event | None = None) -> Slice[Any] | None:
    """The next slice, None at the end of the pipe; sets `came` with either, and with a recall."""
    try:
        while isinstance(message := await pipe.receive(), Recall):
            if came:
                came.set()
    except _GONE:
        return None
    else:
        piece: Slice[Any] = message
        return piece
    finally:
        if came:
            came.set()


async def _tell(pipe: Pipe, run: SliceRun[Any, Any]) -> None:
    """Tell what is done, by the clock, until cancelled."""
    while True:
        await asyncio.sleep(_TELL_SECONDS)
        await pipe.send(run.live_stats())


def _split(failure: BaseException) -> tuple[Any, Any]:
    """The errors of a failure that only tell that the other end is gone, and the others."""
    return BaseExceptionGroup("", [failure]).split(_GONE)


class _Forward(QueueHandler):
    """Sends log records to the process that runs this one."""

    def __init__(self, pipe: Pipe) -> None:
        super().__init__(pipe)  # type: ignore[arg-type] # anything that `enqueue` understands
        self._pipe = pipe

    def enqueue(self, record: logging.LogRecord) -> None:
        """Send one record, if there is still someone to read it."""
        with suppress(OSError):
            self._pipe.post(record)

"""Workers of a Dask cluster, which may come and go while a run lasts."""

import asyncio
import logging
import math
import time
import uuid
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from concurrent.futures import CancelledError
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Any, Final

from alternator_migrate.core.errors import MigrateError, UsageError, WorkerLost
from alternator_migrate.core.progress import WorkerProgress
from alternator_migrate.core.segments import WorkerSegments
from alternator_migrate.core.work import Job, LiveStats, Slice, SliceResult
from alternator_migrate.engines import dask_worker
from alternator_migrate.engines.lateness import LATE_SECONDS
from alternator_migrate.engines.processes import signals_held_back
from alternator_migrate.engines.slice_runner import OUR_LOGGER
from alternator_migrate.engines.wanting import Wanting

log = logging.getLogger(__name__)
LONGEST_SECONDS: Final = 2.0
"""What a slice on a cluster has done is known when it is over, so that it must be short."""
_CONNECT_SECONDS: Final = 10.0
_WAIT_SECONDS: Final = 60.0
_LOOK_SECONDS: Final = 5.0
AT_ONCE: Final = 2
"""Slices at once in one process: while one writes what it has read, the next one reads."""


@asynccontextmanager
async def open_cluster(address: str | None, workers: int, job: Job) -> AsyncIterator["Cluster"]:
    """The workers of the cluster whose scheduler is at `address`, or of a local cluster of so many
    `workers` that ends with this context.

    Raises `UsageError` where there is no scheduler, no worker, or none that fits.
    """
    distributed = _distributed()
    if address is None:
        where = "the local cluster"
        async with (
            open_local_cluster(workers) as cluster,
            _client(distributed, cluster, where) as client,
        ):
            yield await _greeted(client, where, job)
    else:
        async with _client(distributed, address, address) as client:
            yield await _greeted(client, address, job)


@asynccontextmanager
async def open_local_cluster(workers: int) -> AsyncIterator[Any]:
    """A Dask cluster of so many `workers` on this machine, which ends with this context."""
    distributed = _distributed()
    with signals_held_back():
        cluster = await distributed.LocalCluster(
            n_workers=workers,
            threads_per_worker=AT_ONCE,
            dashboard_address="127.0.0.1:0",
            security=True,
            asynchronous=True,
            preload=dask_worker.__name__,
        )
    try:
        yield cluster
    finally:
        await cluster.close()


class Cluster:
    """A pool of the workers of a Dask cluster."""

    longest = LONGEST_SECONDS

    def __init__(self, client: Any, where: str, job: Job) -> None:
        self._client, self._where, self._job = client, where, job
        self._fit: dict[str, int] = {}
        self._unfit: dict[str, str] = {}
        self._throttling: set[int] = set()
        self._wanting = Wanting(client, job.key, self._reachable)
        self._began = time.monotonic()
        self._lost_at = -math.inf
        client.subscribe_topic(dask_worker.topic_of(job), _tell)

    def at_work(self) -> AbstractAsyncContextManager[None]:
        """See `Pool.at_work`."""
        return self._wanting.at_work()

    async def vacant(self, busy: int) -> int:
        """The number of slices that may be sent now; waits a minute for a worker where there is
        none. Raises `MigrateError` where none has come."""
        await self._look()
        if not self._fit and not busy:
            log.info("waiting up to %.0f s for a worker of %s", _WAIT_SECONDS, self._where)
            await self._wait_for_one()
        return sum(min(threads, AT_ONCE) for threads in self._fit.values()) - busy

    async def do(self, piece: Slice[Any]) -> SliceResult[Any]:
        """Have a slice done by any worker that fits. Raises `WorkerLost`, or `MigrateError` where
        the scheduler is gone."""
        await self._wanting.still()
        workers = list(self._fit)
        future = self._client.submit(
            dask_worker.slice_done,
            self._job,
            piece,
            logging.getLogger(OUR_LOGGER).getEffectiveLevel(),
            key=f"alternator-migrate-slice-{uuid.uuid4().hex}",
            workers=workers,
            pure=False,
        )
        try:
            report = await self._result(future, workers)
        finally:
            future.release()
        self._throttling -= {*piece.places}
        self._throttling |= {*report.throttling}
        return report

    async def lateness(self, *, goes_on: bool) -> float:
        """See `Engine.lateness`. Where the scheduler is gone, all workers are lost."""
        found: Collection[str] = ()
        with suppress(MigrateError):
            found = await self._threads()
        self._miss(found)
        since = max(self._lost_at, self._began if goes_on else -math.inf)
        return max(since + LATE_SECONDS - time.monotonic(), 0.0)

    def live_stats(self) -> LiveStats:
        """The segments that were throttled when their last slice was over: what it has done is
        told then only."""
        return LiveStats(segments=WorkerSegments(throttling=tuple(self._throttling)))

    def recall(self) -> None:
        """The slices under way are to end, as soon as their workers hear of it."""
        self._wanting.recall()

    def workers(self) -> Sequence[WorkerProgress]:
        """The workers that fit; which of them has a slice is the scheduler's affair."""
        return [WorkerProgress(address) for address in self._fit]

    def hurry(self) -> None:
        """No slice will follow those under way."""
        self.recall()

    @property
    def unfit(self) -> str:
        """Why workers that are there cannot be used, or ""."""
        return "\n  ".join(f"{address}: {why}" for address, why in self._unfit.items())

    async def _result(self, future: Any, workers: Sequence[str]) -> SliceResult[Any]:
        """The report of a slice; meanwhile, whether one of its workers is alive still."""
        killed = _distributed().KilledWorker
        while True:
            try:
                report: SliceResult[Any] = await asyncio.wait_for(future.result(), _LOOK_SECONDS)
            except TimeoutError:
                if not await self._alive(workers):
                    raise WorkerLost("all workers of the cluster that had it are gone") from None
            except killed as error:
                raise WorkerLost(f"a worker of {self._where} ended: {error}") from error
            except CancelledError as error:
                raise self._gone() from error
            else:
                return report

    async def _alive(self, workers: Sequence[str]) -> bool:
        return not set(workers).isdisjoint(await self._threads())

    async def _reachable(self) -> list[str]:
        """The workers that fit and are there now."""
        found = await self._threads()
        return [address for address in self._fit if address in found]

    async def _threads(self) -> dict[str, int]:
        """The number of threads of each worker that is there now."""
        try:
            found: dict[str, int] = await self._client.nthreads()
        except (OSError, AttributeError, ValueError) as error:
            raise self._gone() from error
        return found

    def _gone(self) -> MigrateError:
        return MigrateError(
            f"the Dask scheduler at {self._where} is gone",
            "Run it again when the scheduler is back, or on another --engine: it goes on from "
            "its savepoint.",
        )

    async def _wait_for_one(self) -> None:
        try:
            await self._client.wait_for_workers(1, timeout=_WAIT_SECONDS)
        except TimeoutError as error:
            raise MigrateError(
                f"{self._where} has had no worker for {_WAIT_SECONDS:.0f} s",
                "Start workers: dask worker ADDRESS --nworkers auto --nthreads 2",
            ) from error
        await self._look()

    async def _look(self) -> None:
        """Learn which workers there are, and whether the new ones fit."""
        found = await self._threads()
        self._miss(found)
        self._fit = {address: found[address] for address in self._fit if address in found}
        new = [address for address in found if address not in {*self._fit, *self._unfit}]
        for address, why in (await self._greet(new)).items():
            if why:
                self._unfit[address] = why
                log.warning("the worker at %s is not used: %s", address, why)
            else:
                self._fit[address] = found[address]

    def _miss(self, found: Collection[str]) -> None:
        """Note whether a worker is not among those that were found: another has its slices now,
        which Dask does not tell, and it may have them still."""
        if not self._fit.keys() <= set(found):
            self._lost_at = time.monotonic()

    async def _greet(self, workers: list[str]) -> dict[str, str]:
        """Why each of these workers cannot be used, or ""."""
        if not workers:
            return {}
        ours = dask_worker.versions()
        told = await self._client.run(dask_worker.versions, workers=workers, on_error="return")
        answers = {address: _difference(ours, theirs) for address, theirs in told.items()}
        same = [address for address, why in answers.items() if not why]
        if same:
            answers |= await self._client.run(
                dask_worker.obstacle, self._job, workers=same, on_error="return"
            )
        return {address: str(why) for address, why in answers.items()}


def _tell(event: tuple[float, Mapping[str, Any]]) -> None:
    """Log what a worker has logged."""
    _, told = event
    logging.getLogger(told["name"]).log(told["level"], "%s", told["words"])


def _difference(ours: tuple[str, str], theirs: object) -> str:
    """The reason why workers with these versions cannot be used, or ""."""
    if not isinstance(theirs, tuple):
        return f"it has no alternator-migrate of this version ({theirs})"
    names = ("alternator-migrate", "Python")
    return ", ".join(
        f"it has {name} {their}, and here is {our}"
        for name, our, their in zip(names, ours, theirs, strict=True)
        if our != their
    )


def _distributed() -> Any:
    try:
        import distributed  # noqa: PLC0415 # an extra, and slow to import
    except ImportError as error:
        raise UsageError(
            "the engine dask needs the package distributed, which is not installed",
            "Add it: pipx inject alternator-migrate distributed cryptography.",
        ) from error
    for name in ("distributed", "distributed.client"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    return distributed


@asynccontextmanager
async def _client(distributed: Any, cluster: Any, where: str) -> AsyncIterator[Any]:
    try:
        client = await distributed.Client(
            cluster, asynchronous=True, set_as_default=False, timeout=_CONNECT_SECONDS
        )
    except (OSError, ValueError, TypeError, RuntimeError) as error:
        raise UsageError(
            f"cannot reach a Dask scheduler at {where}: {error}",
            "Check --scheduler and the network; start one with: dask scheduler",
        ) from error
    try:
        yield client
    finally:
        await client.close()


async def _greeted(client: Any, where: str, job: Job) -> Cluster:
    """The cluster, once it has workers, all of which fit. Raises `UsageError`."""
    pool = Cluster(client, where, job)
    try:
        await pool.vacant(0)
    except MigrateError as error:
        raise UsageError(error.args[0], error.hint) from error
    if pool.unfit:
        raise UsageError(
            f"workers of {where} cannot do this job:\n  {pool.unfit}",
            "Install the same alternator-migrate and Python there as here, and give the workers "
            "the variables and files that the configuration names.",
        )
    return pool

"""Savepoints as objects: what is told to be there is there, whatever becomes of requests."""

import asyncio
import json
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from alternator_migrate.connectors.rejects_file import RejectsFile
from alternator_migrate.core.errors import MigrateError, TooManyRejects, UsageError
from alternator_migrate.core.model import Change, Reject
from alternator_migrate.savepoints.s3.lease import free_after
from alternator_migrate.savepoints.store import Store, check_alone, holder, lock
from tests.servers import faults
from tests.servers.exchange import Exchange, Fault, Reply
from tests.servers.patience import stretched
from tests.servers.proxy import FaultProxy
from tests.support.buckets import Prefix
from tests.support.savepoints import point

CONDITIONS = ("if-match", "if-none-match")
LEASE = 6.0


def puts(name: str) -> Callable[[Exchange], bool]:
    """Whether a request writes an object whose name begins so."""

    def matches(exchange: Exchange) -> bool:
        method, _, path = exchange.operation.partition(" ")
        return method == "PUT" and path.rpartition("/")[2].startswith(name)

    return matches


def refused(status: int, code: str) -> Fault:
    """An error of S3."""
    text = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>words</Message></Error>"
    reply = Reply(status, text.encode(), {"Content-Type": "application/xml"})

    async def act(_: Exchange) -> web.StreamResponse:
        return reply.response()

    return Fault(code, act)


def heedless(url: str) -> Fault:
    """Write whatever the conditions are, as servers do that do not know of these."""

    async def act(exchange: Exchange) -> web.StreamResponse:
        given = exchange.request.headers.items()
        headers = {name: value for name, value in given if name.lower() not in CONDITIONS}
        async with aiohttp.ClientSession() as session:
            there = f"{url}{exchange.request.path_qs}"
            async with session.put(there, data=exchange.body, headers=headers) as answer:
                return web.Response(status=answer.status, headers={"ETag": answer.headers["ETag"]})

    return Fault("heedless", act)


async def elsewhere(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Do `work` on a loop in a thread, so that a proxy on this one goes on."""
    await asyncio.to_thread(lambda: asyncio.run(work()))


@pytest.mark.parametrize(
    "fault",
    [faults.reset_after(), faults.reset_before()],
    ids=lambda each: getattr(each, "name", str(each)),
)
async def test_a_lost_answer_makes_no_second_savepoint(on_moto: Prefix, fault: Fault) -> None:
    async with FaultProxy(on_moto.url) as proxy:
        proxy.script(puts("savepoint_"), fault)
        store = Store(on_moto.open(proxy.url), "m")
        written = await asyncio.to_thread(store.write, point(done=2))
        assert proxy.faults.total() == 1
    assert await on_moto.names() == [written.name]
    assert len((await on_moto.newest()).state.done) == 2


async def test_a_write_that_fails_is_never_told_as_a_savepoint(on_moto: Prefix) -> None:
    async with FaultProxy(on_moto.url) as proxy:
        store = Store(on_moto.open(proxy.url, patience=0.3), "m")
        good = await asyncio.to_thread(store.write, point(done=1))
        proxy.always(puts("savepoint_"), refused(503, "SlowDown"))
        with pytest.raises(MigrateError, match="SlowDown") as raised:
            await asyncio.to_thread(store.write, point(done=2))
    assert raised.value.exit_code == 1
    assert store.latest == good
    assert await on_moto.names() == [good.name]


async def test_a_slow_one_is_told_when_it_is_there(on_moto: Prefix) -> None:
    async with FaultProxy(on_moto.url) as proxy:
        store = Store(on_moto.open(proxy.url), "m")
        proxy.always(puts("savepoint_"), faults.slow(0.5))
        writing = asyncio.create_task(asyncio.to_thread(store.write, point()))
        while not proxy.peak:  # noqa: ASYNC110 # another thread's doing
            await asyncio.sleep(0.01)
        assert store.latest is None
        written = await writing
    assert store.latest == written
    assert await on_moto.names() == [written.name]


@pytest.mark.parametrize(
    ("fault", "kind", "hint"),
    [
        (refused(403, "AccessDenied"), MigrateError, "s3:PutObject"),
        (refused(501, "NotImplemented"), UsageError, "conditional writes"),
        (refused(301, "PermanentRedirect"), MigrateError, "region"),
    ],
    ids=lambda each: getattr(each, "name", ""),
)
async def test_what_is_refused_has_its_remedy(
    on_moto: Prefix, fault: Fault, kind: type[MigrateError], hint: str
) -> None:
    async with FaultProxy(on_moto.url) as proxy:
        proxy.always(puts("migration_"), fault)
        place = on_moto.open(proxy.url)

        def take() -> None:
            with lock(place, "m"):
                raise AssertionError("it is held")

        with pytest.raises(kind) as raised:
            await asyncio.to_thread(take)
    assert hint in raised.value.hint
    assert place.where("migration_m.lock") in str(raised.value)


async def test_a_bucket_that_is_not_there_is_a_mistake(moto_server: str) -> None:
    place = Prefix(moto_server, "p", bucket="not-there").open()
    with pytest.raises(UsageError, match=r"s3://not-there.*does not exist"):
        Store(place, "m").newest()


async def test_a_server_that_heeds_no_conditions_is_refused(on_moto: Prefix) -> None:
    async with FaultProxy(on_moto.url) as proxy:
        proxy.always(puts("migration_"), heedless(on_moto.url))
        place = on_moto.open(proxy.url)

        def take() -> None:
            with lock(place, "m"):
                raise AssertionError("it is held")

        with pytest.raises(UsageError, match="does not heed conditions") as raised:
            await asyncio.to_thread(take)
        assert "folder of this machine" in raised.value.hint
        assert holder(on_moto.open(), "m") is None, "it is given back"


async def test_a_lock_that_another_run_takes_is_lost_at_once(on_moto: Prefix) -> None:
    place, told = on_moto.open(lease=12), asyncio.Event()
    store = Store(place, "m")
    with store.lock(told.set):
        written = store.write(point())
        await on_moto.left_lock("m", lease=60)
        async with asyncio.timeout(stretched(60)):
            await told.wait()
        with pytest.raises(MigrateError, match="another run has taken") as raised:
            store.write(point(done=3))
        assert raised.value.exit_code == 1
    assert store.latest == written
    saved = [name for name in await on_moto.names() if name.startswith("savepoint")]
    assert saved == [written.name]
    assert holder(on_moto.open(), "m") == "7 on elsewhere", "that of the other is left alone"


async def test_a_lock_that_cannot_be_renewed_is_given_up_before_it_runs_out(
    on_moto: Prefix,
) -> None:
    """Also while a savepoint is being written that nobody answers."""

    async def hold() -> None:
        place, told = on_moto.open(proxy.url, lease=LEASE), asyncio.Event()
        store = Store(place, "m")
        with store.lock(told.set):
            proxy.always(puts("migration_"), faults.hang())
            proxy.always(puts("savepoint_"), faults.hang())
            began = time.monotonic()
            writing = asyncio.create_task(asyncio.to_thread(store.write, point()))
            async with asyncio.timeout(stretched(60)):
                await told.wait()
            with pytest.raises(MigrateError, match="could not be renewed"):
                await writing
            assert time.monotonic() - began < free_after(LEASE), "another may take it then"
            with pytest.raises(MigrateError, match="could not be renewed"):
                place.locks.check("m")

    async with FaultProxy(on_moto.url) as proxy:
        await elsewhere(hold)


async def test_a_renewal_whose_answer_is_lost_loses_nothing(on_moto: Prefix) -> None:
    async def hold() -> None:
        place = on_moto.open(proxy.url)
        with lock(place, "m"):
            proxy.script(puts("migration_"), faults.reset_after())
            async with asyncio.timeout(stretched(60)):
                while not proxy.faults:  # noqa: ASYNC110 # another thread's doing
                    await asyncio.sleep(0.05)
            Store(place, "m").write(point())
        assert holder(place, "m") is None

    async with FaultProxy(on_moto.url) as proxy:
        await elsewhere(hold)


async def test_the_lock_of_a_killed_run_frees_itself(prefix: Prefix) -> None:
    await prefix.left_lock("m", lease=60)
    place = prefix.open()
    assert holder(place, "m") == "7 on elsewhere"
    with pytest.raises(UsageError, match="7 on elsewhere"), lock(place, "m"):
        raise AssertionError("two hold it")
    await prefix.left_lock("m", lease=0.5)  # as if most of it had passed
    check_alone(place, "m")
    with lock(place, "m"):
        assert holder(place, "m") != "7 on elsewhere"


async def test_the_lock_of_a_living_run_is_told_when_it_renews_it(on_moto: Prefix) -> None:
    place, other = on_moto.open(lease=LEASE), on_moto.open()
    with lock(place, "m"), pytest.raises(UsageError, match=r"running already, as process \d+ on"):
        began = time.monotonic()
        check_alone(other, "m")
    assert time.monotonic() - began < free_after(LEASE), "not when the lease would have run out"


async def test_an_object_that_is_no_lock_is_left_alone(on_moto: Prefix) -> None:
    await on_moto.put("migration_m.lock", b"mine")
    with pytest.raises(UsageError, match="is not a lock"), lock(on_moto.open(), "m"):
        raise AssertionError("it is held")
    assert await on_moto.text("migration_m.lock") == b"mine"


async def test_what_somebody_else_made_of_a_file_is_not_overwritten(on_moto: Prefix) -> None:
    place = on_moto.open()
    file = place.work / "rejects_1.jsonl"
    file.write_bytes(b"1\n")
    Store(place, "m").write(point())
    await on_moto.put(file.name, b"mended\n")
    file.write_bytes(b"1\n2\n")
    with pytest.raises(MigrateError, match="changed by somebody else"):
        Store(place, "m").write(point(done=2))
    assert await on_moto.text(file.name) == b"mended\n"
    again = on_moto.open()
    told = again.at_hand(place.told(file))
    assert told.read_bytes() == b"mended\n"
    told.write_bytes(b"mended\n2\n")
    Store(again, "m").write(point(done=2))
    assert await on_moto.text(file.name) == b"mended\n2\n"


async def test_runs_that_begin_a_file_at_once_each_send_their_own(
    on_moto: Prefix, frozen_clock: int
) -> None:
    """As shards do, each on a machine of its own."""
    places = [on_moto.open(), on_moto.open()]
    files = [RejectsFile(each.work, ["id"], 5, claim=each.claim) for each in places]
    for number, file in enumerate(files):
        file.keep([Reject(b'{"id":{"N":"%d"}}' % number, "e", "m")])
    for number, (each, file) in enumerate(zip(places, files, strict=True)):
        store, kept = Store(each, f"m{number}"), file.path
        store.write(point(f"m{number}", rejects=kept))
        saved = store.newest()
        assert saved and saved[1].rejects == each.told(kept or "")
        assert saved[1].rejects == f"{each}/rejects_{frozen_clock + number}.jsonl"
        text = await on_moto.text(f"rejects_{frozen_clock + number}.jsonl")
        assert json.loads(text)["item"] == {"id": {"N": str(number)}}
        assert str(each.at_hand(saved[1].rejects)) == kept
    first, second = places
    others = second.at_hand(f"{first}/rejects_{frozen_clock}.jsonl").read_bytes()
    assert json.loads(others)["item"] == {"id": {"N": "0"}}, "not its own of that name here"
    for each, file in zip(places, files, strict=True):
        file.overtaken([Change(b'{"id":{"N":"1"}}', None, "", 0)], [])
        each.keep()
    assert await on_moto.text(f"rejects_{frozen_clock + 1}.jsonl") == b""
    assert await on_moto.text(f"settled_{frozen_clock + 1}.jsonl")


async def test_what_an_earlier_run_settled_is_gone_on_with(prefix: Prefix) -> None:
    ids = range(3)
    changes = [Change(b'{"id":{"N":"%d"}}' % number, None, "", 0) for number in ids]
    first = prefix.open()
    file = RejectsFile(first.work, ["id"], 5, claim=first.claim)
    file.keep([Reject(change.key, "e", "m") for change in changes])
    file.overtaken(changes[:1], [])
    first.keep()
    told = first.told(file.path or "")

    again = prefix.open()
    file = RejectsFile(again.work, ["id"], 5, str(again.at_hand(told)), 2, again.told)
    assert file.count == 2
    file.overtaken(changes[1:2], [])
    again.keep()
    name = told.rpartition("/")[2]
    assert (await prefix.text(name)).count(b"\n") == 1
    assert (await prefix.text(name.replace("rejects", "settled"))).count(b"\n") == 2


async def test_what_is_refused_is_kept_and_told_whatever_becomes_of_requests(
    on_moto: Prefix,
) -> None:
    """On the event loop, which nothing may stop: not while files are being sent, either."""
    sending, ended = asyncio.Event(), asyncio.Event()

    async def act(_: Exchange) -> web.StreamResponse:
        sending.set()
        await ended.wait()
        return web.Response(status=503)

    async with FaultProxy(on_moto.url) as proxy:
        proxy.always(puts(""), Fault("hangs", act))
        place = on_moto.open(proxy.url, patience=0.3)
        (place.work / "findings_1.jsonl").write_bytes(b"1\n")
        keeping = asyncio.create_task(asyncio.to_thread(place.keep))
        await sending.wait()
        file = RejectsFile(place.work, ["id"], 0, claim=place.claim)
        refused = Reject(b'{"id":{"N":"7"}}', "e", "m")
        try:
            with pytest.raises(TooManyRejects, match="7"):
                await asyncio.wait_for(asyncio.to_thread(file.keep, [refused]), stretched(60))
        finally:
            ended.set()
            await asyncio.wait([keeping])
    assert not [each for each in proxy.requests if "/rejects_" in each]
    with pytest.raises(MigrateError):
        keeping.result()


async def test_a_file_that_is_taken_away_is_gone(on_moto: Prefix) -> None:
    place = on_moto.open()
    file = place.work / "findings_1.jsonl"
    for text in (b"1\n", None):
        if text:
            file.write_bytes(text)
        else:
            file.unlink()
        Store(place, "m").write(point())
        assert (file.name in await on_moto.names()) == bool(text)
    assert not on_moto.open().at_hand(place.told(file)).exists()


async def test_savepoints_that_were_read_are_not_read_again(on_moto: Prefix) -> None:
    async with FaultProxy(on_moto.url) as proxy:
        store = Store(on_moto.open(proxy.url), "m")
        for done in range(6):
            await asyncio.to_thread(store.write, point(done=done))
        asked = [each for each in proxy.requests if each.startswith("GET") and "savepoint_" in each]
    assert asked == []


def test_files_of_other_places_are_found_by_their_names(tmp_path: Path, moto_server: str) -> None:
    place = Prefix(moto_server, "p").open()
    assert place.told(tmp_path / "rejects_1.jsonl") == "s3://savepoints/p/rejects_1.jsonl"
    assert place.told("findings_1.jsonl") == "s3://savepoints/p/findings_1.jsonl"

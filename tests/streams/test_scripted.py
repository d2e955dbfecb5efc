"""What streams do to their readers, each thing on purpose."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing

import pytest

from alternator_migrate.connectors import stream
from alternator_migrate.core.errors import MigrateError, OutOfTime, ServerRefused, TrimmedData
from alternator_migrate.core.model import Shard
from alternator_migrate.core.retry import Retry
from tests.servers.client import Item
from tests.servers.scripted_streams import (
    ALTERNATOR_ARN,
    ARN,
    LOCAL_ARN,
    MISSING,
    Refusal,
    StreamScript,
    scripted_streams,
)
from tests.streams.reading import (
    all_needed,
    changes,
    never,
    perhaps,
    reading,
    sequences,
    to_end,
    to_tip,
)

KEY = {"id": {"S": "a"}}


@pytest.fixture
def script() -> StreamScript:
    """A script with one open shard; quick, as DynamoDB Local is."""
    script = StreamScript(arn=LOCAL_ARN)
    script.add("shard-1")
    return script


@pytest.fixture
async def url(script: StreamScript) -> AsyncIterator[str]:
    """The server of that script."""
    async with scripted_streams(script) as url:
        yield url


@pytest.mark.parametrize("listing", ["made", "reversed", "zigzag"])
async def test_the_tree_is_read_over_all_pages(
    script: StreamScript, url: str, listing: str
) -> None:
    script.listing = listing  # type: ignore[assignment] # one of its words
    script.page = 7
    names = [f"shard-{number}" for number in range(2, 40)]
    for number, name in enumerate(names):
        script.add(name, f"shard-{number // 2 + 1}")
    async with reading(url, script.arn) as source:
        found = await source.shards()
    assert len(found) == 39
    assert set(found) == {
        Shard("shard-1"),
        *(Shard(name, f"shard-{number // 2 + 1}") for number, name in enumerate(names)),
    }
    assert script.requests["DescribeStream"] == 6


async def test_a_closed_shard_ends_after_its_last_change(script: StreamScript, url: str) -> None:
    made = [script.put("shard-1", KEY) for _ in range(2500)]
    script.split("shard-1", "left", "right")
    async with reading(url, script.arn) as source:
        pages = await to_end(source, "shard-1")
    assert sequences(pages) == made
    assert [len(page.changes) for page in pages[:3]] == [1000, 1000, 500]
    assert [page.ended for page in pages] == [False] * (len(pages) - 1) + [True]
    assert [page.at_tip for page in pages] == [page.ended for page in pages]
    assert pages[-1].at_tip
    assert pages[-1].position == made[-1]


async def test_an_open_shard_goes_on_after_its_tip(script: StreamScript, url: str) -> None:
    async with (
        reading(url, script.arn) as source,
        aclosing(source.changes("shard-1", None, all_needed, never)) as on,
    ):
        assert (await anext(on)).position is None
        made = script.put("shard-1", KEY)
        page = await anext(on)
        assert (page.position, sequences([page])) == (made, [made])
        page = await anext(on)
        assert (page.position, page.changes, page.at_tip, page.ended) == (made, [], True, False)


async def test_dynamodb_local_is_at_its_tip_unless_the_limit_cuts(
    script: StreamScript, url: str
) -> None:
    for _ in range(2300):
        script.put("shard-1", KEY)
    async with reading(url, script.arn) as source:
        pages = await to_tip(source, "shard-1")
    assert [(len(page.changes), page.at_tip) for page in pages] == [
        (1000, False),
        (1000, False),
        (300, True),
    ]


async def test_reading_goes_on_after_a_position(script: StreamScript, url: str) -> None:
    made = [script.put("shard-1", KEY) for _ in range(9)]
    async with reading(url, script.arn) as source:
        assert sequences(await to_tip(source, "shard-1", made[3])) == made[4:]
        assert (await to_tip(source, "shard-1", made[-1]))[0].position == made[-1]


async def test_dynamodb_is_at_its_tip_after_a_run_of_empty_answers(script: StreamScript) -> None:
    script.arn, script.empty = ARN, 7
    made = [script.put("shard-1", KEY) for _ in range(3)]
    async with scripted_streams(script) as url, reading(url, script.arn) as source:
        pages = await to_tip(source, "shard-1")
    assert sequences(pages) == made
    assert [len(page.changes) for page in pages] == [0] * 7 + [3] + [0] * 10
    assert not any(page.at_tip for page in pages[:-1])


async def test_alternator_is_at_its_tip_when_it_stands_still(script: StreamScript) -> None:
    script.arn, script.still, script.empty = ALTERNATOR_ARN, True, 2
    made = script.put("shard-1", KEY)
    async with scripted_streams(script) as url, reading(url, script.arn) as source:
        pages = await to_tip(source, "shard-1")
    assert [(sequences([page]), page.at_tip) for page in pages] == [
        ([], False),
        ([], False),
        ([made], False),
        ([], True),
    ]


@pytest.mark.parametrize("lifetime", [0, 1, 3])
async def test_expired_iterators_are_replaced(
    script: StreamScript, url: str, lifetime: int
) -> None:
    """An iterator of lifetime 0 is good for the next request only."""
    script.lifetime = lifetime + 1
    made = [script.put("shard-1", KEY) for _ in range(3000)]
    async with (
        reading(url, script.arn) as source,
        aclosing(source.changes("shard-1", None, all_needed, never)) as on,
    ):
        found = sequences([await anext(on)])
        script.expire_iterators()
        found += sequences([await anext(on), await anext(on)])
        script.expire_iterators()
        assert (await anext(on)).at_tip
    assert found == made
    assert script.requests["GetShardIterator"] == 3


async def test_iterators_that_expire_at_once_end_the_reading(
    script: StreamScript, url: str
) -> None:
    script.lifetime = -1
    async with reading(url, script.arn) as source:
        with pytest.raises(ServerRefused, match="ExpiredIteratorException"):
            await to_tip(source, "shard-1")
    assert script.requests["GetShardIterator"] < 10


async def test_a_chain_that_ends_with_its_iterator_is_no_end(
    script: StreamScript, url: str
) -> None:
    """Some releases of DynamoDB Local are reported to give no next iterator of an open shard."""
    made = [script.put("shard-1", KEY)]
    async with (
        reading(url, script.arn) as source,
        aclosing(source.changes("shard-1", None, all_needed, never)) as on,
    ):
        await anext(on)
        script.shards["shard-1"].closed = True
        assert not (await anext(on)).ended
        script.shards["shard-1"].closed = False
        made.append(script.put("shard-1", KEY))
        page = await anext(on)
        assert (sequences([page]), page.ended) == (made[1:], False)


@pytest.mark.parametrize("operation", ["DescribeStream", "GetShardIterator", "GetRecords"])
@pytest.mark.parametrize(
    "failures",
    [
        ["LimitExceededException"] * 20,
        ["ProvisionedThroughputExceededException", "ThrottlingException"],
        ["InternalServerError"] * 3,
        ["reset"] * 3,
    ],
    ids=lambda failures: failures[0],
)
async def test_what_passes_is_repeated(
    script: StreamScript, url: str, operation: str, failures: list[str]
) -> None:
    made = [script.put("shard-1", KEY) for _ in range(10)]
    script.fail(operation, *failures)
    retry = Retry(10.0, first_wait=0.001, longest_wait=0.01)
    async with reading(url, script.arn, retry=retry) as source:
        [shard] = await source.shards()
        assert sequences(await to_tip(source, shard.id)) == made
    assert retry.retries == len(failures)
    throttled = "Exception" in failures[0]
    assert retry.throttled == (len(failures) if throttled else 0)


async def test_a_storm_that_does_not_pass_ends_the_budget(script: StreamScript, url: str) -> None:
    script.fail("GetRecords", *["LimitExceededException"] * 10_000)
    async with reading(url, script.arn, retry=Retry(0.3, longest_wait=0.05)) as source:
        with pytest.raises(OutOfTime, match="LimitExceededException"):
            await to_tip(source, "shard-1")


@pytest.mark.parametrize("when", ["before", "while reading"])
async def test_trimmed_changes_are_an_error_with_a_remedy(
    script: StreamScript, url: str, when: str
) -> None:
    made = [script.put("shard-1", KEY) for _ in range(5)]
    shard = script.shards["shard-1"]
    async with (
        reading(url, script.arn) as source,
        aclosing(source.changes(shard.id, made[0], all_needed, never)) as on,
    ):
        if when == "while reading":
            assert sequences([await anext(on)]) == made[1:]
            script.put(shard.id, KEY)
            script.put(shard.id, KEY)
        shard.trimmed = len(shard.records) - 1
        with pytest.raises(TrimmedData) as failure:
            await anext(on)
    last = made[0] if when == "before" else made[-1]
    assert f"the changes of shard shard-1 after {last} are no longer there" in str(failure.value)
    assert "validate --repair" in failure.value.hint
    assert failure.value.exit_code == 1


@pytest.fixture
async def of_aws(script: StreamScript) -> AsyncIterator[str]:
    """The server of the script as one that keeps changes for a day without fail."""
    script.arn = ARN
    async with scripted_streams(script) as url:
        yield url


def hours_ago(hours: float) -> Callable[[], float]:
    """All changes that were made until then are dealt with."""
    return lambda: time.time() - hours * 3600


async def test_what_was_dealt_with_may_be_trimmed(script: StreamScript, of_aws: str) -> None:
    """What is gone is a day old: that is no loss where all is known up to a later time."""
    made = [script.put("shard-1", KEY) for _ in range(5)]
    shard = script.shards["shard-1"]
    shard.trimmed = 3
    async with reading(of_aws, script.arn) as source:
        for moment in (None, hours_ago(24)()):
            with pytest.raises(TrimmedData):
                await to_tip(source, "shard-1", made[0], lambda moment=moment: moment)  # type: ignore[misc] # bound now
        pages = await to_tip(source, "shard-1", made[0], hours_ago(23))
        assert sequences(pages) == made[3:]
        shard.trimmed, shard.closed = 5, True
        pages = await to_tip(source, "shard-1", made[-1], hours_ago(1))
        assert (pages[-1].ended, pages[-1].position) == (True, made[-1])


async def test_a_shard_that_is_trimmed_as_it_is_read(script: StreamScript, of_aws: str) -> None:
    """Between the iterator and the read; one that is at it for ever is an error."""
    for _ in range(9):
        script.put("shard-1", KEY)
    shard, asked = script.shards["shard-1"], script._iterator
    left = 2

    def trims(body: Item) -> Item:
        nonlocal left
        answer = asked(body)
        shard.trimmed += left > 0
        left -= 1
        return answer

    script._iterator = trims  # type: ignore[method-assign] # as the script says
    async with reading(of_aws, script.arn) as source:
        assert len(changes(await to_tip(source, "shard-1", None, hours_ago(0)))) == 7
        left = 100
        with pytest.raises(MigrateError, match="trimmed whenever it is read"):
            await to_tip(source, "shard-1", None, hours_ago(0))


async def test_a_shard_that_expired_before_it_was_read(script: StreamScript, of_aws: str) -> None:
    """It was closed long ago. A stream that is gone is another matter."""
    async with reading(of_aws, script.arn) as source:
        (page,) = await to_tip(source, "gone", None, hours_ago(1), perhaps)
        assert (page.ended, page.changes) == (True, [])
        with pytest.raises(TrimmedData, match="shard gone from its beginning are no longer there"):
            await to_tip(source, "gone", None, all_needed, perhaps)
        script.arn = f"{ARN}-of-another-table"
        with pytest.raises(TrimmedData, match=r"the stream .* is no longer there"):
            await to_tip(source, "gone", None, hours_ago(1), perhaps)


@pytest.mark.parametrize("hidden", [False, True], ids=["listed", "not-listed"])
@pytest.mark.parametrize("dropped", [never, perhaps])
async def test_a_shard_that_is_not_there_once(
    script: StreamScript, of_aws: str, hidden: bool, dropped: Callable[[], bool]
) -> None:
    """A server that does not know of it yet says so, and lists may lack it meanwhile."""
    made = script.put("shard-1", KEY)
    asked = script._iterator

    def comes(body: Item) -> Item:
        if script.requests["GetShardIterator"] > 1:
            script.hidden.clear()
            return asked(body)
        script.hidden |= {"shard-1"} if hidden else set()
        raise Refusal(MISSING)

    script._iterator = comes  # type: ignore[method-assign] # as the script says
    async with reading(of_aws, script.arn) as source:
        assert sequences(await to_tip(source, "shard-1", None, hours_ago(1), dropped)) == [made]


async def test_a_shard_that_cannot_have_been_dropped(
    script: StreamScript, of_aws: str, caplog: pytest.LogCaptureFixture
) -> None:
    """It is looked for again, which is told once; nothing of it is lost yet, listed or not."""
    caplog.set_level("INFO")
    made = script.put("shard-1", KEY)
    async with reading(of_aws, script.arn) as source:
        for hidden in (set(), {"shard-1"}):
            script.hidden = hidden
            script.fail("GetShardIterator", *[MISSING] * 2)
            caplog.clear()
            with pytest.raises(MigrateError, match="shard-1 cannot be read") as failure:
                await to_tip(source, "shard-1", None, hours_ago(1))
            assert not isinstance(failure.value, TrimmedData)
            assert "Run again" in failure.value.hint
            assert caplog.text.count("it is looked for again") == 1
        assert sequences(await to_tip(source, "shard-1", None, hours_ago(1))) == [made]


async def test_a_stream_that_is_not_there_once(script: StreamScript, url: str) -> None:
    """As just after it became ready: a server that does not know of it yet says so."""
    script.fail("DescribeStream", MISSING)
    async with reading(url, script.arn) as source:
        assert [shard.id for shard in await source.shards()] == ["shard-1"]


async def test_idle_shards_leave_reads_to_others(script: StreamScript, of_aws: str) -> None:
    """All readers of a shard share five reads a second."""
    async with (
        reading(of_aws, script.arn) as source,
        aclosing(source.changes("shard-1", None, all_needed, never)) as on,
    ):
        for _ in range(14):
            await anext(on)
    times = script.reads["shard-1"]
    assert times[-1] - times[10] > 0.35 * len(times[11:])


async def test_from_the_trim_horizon_nothing_is_missing(script: StreamScript, url: str) -> None:
    made = [script.put("shard-1", KEY) for _ in range(5)]
    script.shards["shard-1"].trimmed = 2
    async with reading(url, script.arn) as source:
        assert sequences(await to_tip(source, "shard-1")) == made[2:]


async def test_a_stream_or_shard_that_is_gone(script: StreamScript, url: str) -> None:
    async with reading(url, script.arn) as source:
        with pytest.raises(TrimmedData, match="shard gone from its beginning are no longer there"):
            await to_tip(source, "gone", dropped=perhaps)
        script.arn = f"{LOCAL_ARN}-of-another-table"
        with pytest.raises(TrimmedData, match=r"2026-01-02T03:04:05\.678 is no longer there"):
            await source.shards()


@pytest.mark.parametrize("status", ["DISABLING", "DISABLED"])
async def test_a_stream_that_was_disabled(script: StreamScript, url: str, status: str) -> None:
    script.status = status
    async with reading(url, script.arn) as source:
        with pytest.raises(TrimmedData, match="has been disabled"):
            await source.shards()


async def test_other_refusals_keep_their_words(script: StreamScript, url: str) -> None:
    script.fail("GetRecords", "AccessDeniedException")
    async with reading(url, script.arn) as source:
        with pytest.raises(ServerRefused, match="GetRecords was refused: AccessDeniedException"):
            await to_tip(source, "shard-1")


async def test_a_list_that_goes_round_in_a_circle(script: StreamScript, url: str) -> None:
    script.add("shard-2")
    script.page = 1
    async with reading(url, script.arn) as source:
        assert len(await source.shards()) == 2
        script.stuck = True
        with pytest.raises(MigrateError, match="does not advance beyond shard-1"):
            await source.shards()


async def test_lost_answers_are_read_again_and_nothing_twice(
    script: StreamScript, url: str
) -> None:
    made = [script.put("shard-1", KEY) for _ in range(2100)]
    script.split("shard-1", "child")
    script.fail("GetRecords", "reset", "reset")
    async with reading(url, script.arn) as source:
        assert sequences(await to_end(source, "shard-1")) == made


async def test_dynamodb_is_read_five_times_a_second(script: StreamScript) -> None:
    script.arn, script.limited = ARN, True
    for _ in range(7000):
        script.put("shard-1", KEY)
    retry = Retry(5.0)
    async with (
        scripted_streams(script) as url,
        reading(url, script.arn, retry=retry) as source,
        aclosing(source.changes("shard-1", None, all_needed, never)) as on,
    ):
        found = [await anext(on) for _ in range(8)]
    assert len(changes(found)) == 7000
    assert retry.throttled == 0
    times = script.reads["shard-1"]
    assert times[7] - times[0] > 1


async def test_the_list_of_dynamodb_is_read_ten_times_a_second(script: StreamScript) -> None:
    script.arn, script.limited, script.page = ARN, True, 5
    for number in range(79):
        script.add(f"child-{number}", "shard-1")
    retry = Retry(5.0)
    async with scripted_streams(script) as url, reading(url, script.arn, retry=retry) as source:
        assert len(await source.shards()) == 80
    assert script.requests["DescribeStream"] == 16
    assert retry.throttled == 0
    times = script.reads["the list"]
    assert times[15] - times[0] > 1.1


async def test_servers_without_that_limit_are_read_at_once(
    script: StreamScript, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "READ_SECONDS", 60.0)
    for _ in range(20_000):
        script.put("shard-1", KEY)
    async with (
        reading(url, script.arn) as source,
        aclosing(source.changes("shard-1", None, all_needed, never)) as on,
    ):
        found = [await anext(on) for _ in range(20)]
    assert len(changes(found)) == 20_000
    times = script.reads["shard-1"]
    assert times[-1] - times[0] < 60


async def test_answers_stay_of_a_size_to_be_read(script: StreamScript, url: str) -> None:
    """DynamoDB Local and Alternator cut no answer at 1 MB: less is asked for at once."""
    big = {"big": {"S": "x" * 100_000}}
    made = [script.put("shard-1", KEY, **big) for _ in range(900)]
    async with reading(url, script.arn) as source:
        pages = await to_tip(source, "shard-1")
    assert sequences(pages) == made
    assert max(len(page.changes) for page in pages) < 100

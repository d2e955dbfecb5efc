"""The pipe between a run and a worker process, when the other end is gone."""

import asyncio
import socket
from collections.abc import Callable

import pytest

from alternator_migrate.core.runtime import loop_factory
from alternator_migrate.engines.pipe import Pipe
from tests.servers.patience import stretched


@pytest.mark.parametrize(
    "factory", [loop_factory(), asyncio.new_event_loop], ids=["ours", "asyncio's"]
)
def test_what_is_sent_after_the_end_raises_the_same_each_time(
    factory: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    """Also once the transport is closed, of which uvloop makes another error."""

    async def talk() -> None:
        near, far = socket.socketpair()
        line = await Pipe.over(near)
        far.close()
        with pytest.raises(EOFError):
            await line.receive()
        for _ in range(3):
            with pytest.raises(OSError, match=r"gone|lost|pipe"):
                await line.send("a slice")
            await asyncio.sleep(0)
        line.say_no_more()
        line.close()

    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(asyncio.wait_for(talk(), stretched(10)))

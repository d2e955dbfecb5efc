"""The buttons of the status page in a real browser."""

from collections.abc import Sequence
from pathlib import Path

from alternator_migrate.core.listen import Listen
from alternator_migrate.monitor.control import Reply
from alternator_migrate.monitor.control_web import PATH, WebControl
from alternator_migrate.monitor.watch import Wanted, Watch
from alternator_migrate.monitor.web import serving
from tests.support.browser import browser
from tests.support.runs import a_run, a_table


async def test_buttons_do_what_they_say_with_the_token_and_nothing_without(tmp_path: Path) -> None:
    done: list[list[str]] = []

    async def do(words: Sequence[str], _: str) -> Reply:
        done.append([*words])
        return Reply(ok=True, text=f"{words[0]}: done")

    control, listen = WebControl(do), Listen("127.0.0.1", 0)
    watch = Watch(
        Wanted(listen),
        lambda: a_run(a_table()),
        None,
        lambda: False,
        {("POST", PATH): control},
        control.panel,
    )
    said = "document.getElementById('answer').textContent"
    with control.token_in(tmp_path, "control_m") as file:
        async with serving(listen, (), watch.routes()) as url, browser() as tab:
            for width in (1600, 360):
                await tab.open(url, width)
                assert await tab.evaluate("document.documentElement.scrollWidth <= innerWidth"), (
                    width
                )
            await tab.evaluate("document.querySelector('[data-command=pause]').click()")
            await tab.until(f"{said}.includes('token')")
            assert done == []
            token = file.read_text().strip()
            await tab.evaluate(f"document.getElementById('token').value = '{token}'")
            await tab.evaluate("document.querySelector('[data-command=pause]').click()")
            await tab.until(f"{said} === 'pause: done'")
            await tab.evaluate(
                "document.getElementById('limits').value = ' readThroughput=5  maxConnections=2 ';"
                "document.querySelector('[data-command=set]').click()"
            )
            await tab.until(f"{said} === 'set: done'")
            # the answer of 401 is the only thing that the browser noted
            assert all("401" in each for each in tab.complaints), tab.complaints
    assert done == [["pause"], ["set", "readThroughput=5", "maxConnections=2"]]

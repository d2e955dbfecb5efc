"""Commands by POST: who may send them, and what is answered."""

import json
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from alternator_migrate.monitor.control import Reply
from alternator_migrate.monitor.control_web import HEADER, PATH, WebControl
from alternator_migrate.monitor.web import Asked

OURS = {"host": "127.0.0.1:9090", "content-type": "application/json; charset=utf-8"}


class Run:
    """Notes the commands that reach it; "no" is refused."""

    def __init__(self) -> None:
        self.done: list[list[str]] = []

    async def do(self, words: Sequence[str], channel: str) -> Reply:
        assert channel == "status page"
        self.done.append([*words])
        return Reply(words[0] != "no", " ".join(words), {"status": {"state": "copying"}})


async def answered(folder: Path, body: Any, **headers: str) -> tuple[int, dict[str, Any], Run]:
    """Status and values of the answer to a POST with the right token, unless `headers` say else."""
    run = Run()
    control = WebControl(run.do)
    with control.token_in(folder, "control_m") as file:
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        given = {HEADER.lower(): file.read_text().strip(), **OURS}
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        text = body if isinstance(body, bytes) else json.dumps(body).encode()
        answer = await control(Asked(PATH, {}, given, text))
        assert file.read_text().strip() not in control.panel()
    assert not file.exists()
    return answer.status, json.loads(answer.body), run


async def test_who_knows_the_token_may_command(tmp_path: Path) -> None:
    status, values, run = await answered(
        tmp_path, {"command": "set", "arguments": {"readThroughput": 5, "writeThroughput": None}}
    )
    assert (status, values["ok"], values["status"]) == (200, True, {"state": "copying"})
    assert run.done == [["set", "readThroughput=5", "writeThroughput=none"]]
    same = await answered(
        tmp_path, {"command": "pause"}, origin="http://127.0.0.1:9090", sec_fetch_site="same-origin"
    )
    assert (same[0], same[2].done) == (200, [["pause"]])
    assert (await answered(tmp_path, {"command": "no"}))[0] == 409


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"x_control_token": ""}, 401),
        ({"x_control_token": "wrong"}, 401),
        ({"x_control_token": "wröng"}, 401),
        ({"content_type": "text/plain"}, 415),
        ({"content_type": "application/x-www-form-urlencoded"}, 415),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://127.0.0.1:9091"}, 403),
        ({"origin": "http://[x"}, 403),
        ({"sec_fetch_site": "cross-site"}, 403),
        ({"sec_fetch_site": "same-site"}, 403),
    ],
)
async def test_nobody_else_may(tmp_path: Path, headers: dict[str, str], status: int) -> None:
    found, values, run = await answered(tmp_path, {"command": "stop"}, **headers)
    assert (found, values["ok"], run.done) == (status, False, [])


@pytest.mark.parametrize("body", [b"", b"pause", b"[]", b"\xff", b'{"command":5}', b'{"a":1}'])
async def test_what_is_no_command_is_told(tmp_path: Path, body: bytes) -> None:
    status, values, run = await answered(tmp_path, body)
    assert (status, run.done) == (400, [])
    assert values["text"].startswith("not a command: ")

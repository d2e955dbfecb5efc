"""The commands of the control socket by POST on the status page's port, for those who know a token,
and the buttons on the page that send them."""

import hmac
import json
import secrets
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from http import HTTPStatus
from pathlib import Path
from typing import Final

from alternator_migrate.core.durable import open_private
from alternator_migrate.monitor.control import BadCommand, Reply, words_of
from alternator_migrate.monitor.html import Html, element
from alternator_migrate.monitor.style import CONTROL_SCRIPT
from alternator_migrate.monitor.web import Answer, Asked

PATH: Final = "/api/v1/control"
HEADER: Final = "X-Control-Token"
_BUTTONS: Final = {
    "pause": "Pause",
    "resume": "Resume",
    "savepoint": "Savepoint",
    "stop": "Stop",
}


class WebControl:
    """Does commands that are sent with the token of this run, which is made here."""

    def __init__(self, do: Callable[[Sequence[str], str], Awaitable[Reply]]) -> None:
        self._do, self._token = do, secrets.token_urlsafe(24)
        self._file: Path | None = None

    @contextmanager
    def token_in(self, folder: Path, name: str) -> Iterator[Path]:
        """Keep the token in a file `name`.token of the owner's alone while the block lasts. Raises
        `OSError`."""
        file = folder.absolute() / f"{name}.token"
        with open_private(file) as out:
            out.write(f"{self._token}\n".encode())
        self._file = file
        try:
            yield file
        finally:
            self._file = None
            with suppress(OSError):
                file.unlink()

    async def __call__(self, asked: Asked) -> Answer:
        """Do the command of a request, if that is one, comes from here and knows the token."""
        if not _is_ours(asked):
            return _told(Reply(ok=False, text="not from another site"), HTTPStatus.FORBIDDEN)
        if asked.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
            text = "send application/json"
            return _told(Reply(ok=False, text=text), HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
        given = asked.headers.get(HEADER.lower(), "")
        if not hmac.compare_digest(given.encode(), self._token.encode()):
            where = f": it is in {self._file}" if self._file else ""
            text = f"the token in the header {HEADER} is wrong or missing{where}"
            return _told(Reply(ok=False, text=text), HTTPStatus.UNAUTHORIZED)
        try:
            words = words_of(json.loads(asked.body))
        except (BadCommand, ValueError) as error:
            return _told(Reply(ok=False, text=f"not a command: {error}"), HTTPStatus.BAD_REQUEST)
        reply = await self._do(words, "status page")
        return _told(reply, HTTPStatus.OK if reply.ok else HTTPStatus.CONFLICT)

    def panel(self) -> Html:
        """The buttons, and a field for the token, which the page does not know."""
        where = f"It is in {self._file}, for the run's own user." if self._file else ""
        buttons = [
            element("button", text, type="button", data_command=name)
            for name, text in _BUTTONS.items()
        ]
        form = element(
            "form",
            element("p", _field("token", "Token", "password"), " ", element("small", where)),
            element("p", *buttons),
            element(
                "p",
                _field("limits", "Limits, such as readThroughput=2000", "text"),
                " ",
                element("button", "Set", type="button", data_command="set"),
            ),
        )
        return element(
            "section",
            element("h2", "Control"),
            form,
            element("p", "", id="answer", role="status"),
            element("script", Html(CONTROL_SCRIPT)),
            id="control",
            class_="screen",
        )


def _field(name: str, label: str, kind: str) -> Html:
    return element(
        "label", f"{label} ", element("input", id=name, type=kind, autocomplete="off", size="24")
    )


def _is_ours(asked: Asked) -> bool:
    """Whether a request does not come from a page of another site."""
    origin, site = asked.headers.get("origin"), asked.headers.get("sec-fetch-site")
    same = origin is None or origin.partition("://")[2] == asked.headers.get("host", "")
    return same and site in (None, "same-origin", "none")


def _told(reply: Reply, status: HTTPStatus) -> Answer:
    values = {"ok": reply.ok, "text": reply.text, **reply.values}
    return Answer(json.dumps(values).encode(), "application/json", status)

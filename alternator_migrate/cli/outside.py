"""What reaches a run from outside: judges, the control socket, the buttons of the page."""

import logging
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from alternator_migrate.cli.controls import Controls
from alternator_migrate.core.steering import Steering
from alternator_migrate.core.stopping import together
from alternator_migrate.monitor import ControlServer, Judges, Throttle, control_name, open_socket

if TYPE_CHECKING:
    from alternator_migrate.monitor.control_web import WebControl

log = logging.getLogger(__name__)


class Outside:
    """The doors by which a run is steered; `is_quiet` lets it say nothing of them."""

    def __init__(
        self, steering: Steering, throttle: Throttle, controls: Controls, *, is_quiet: bool
    ) -> None:
        self._judges = Judges(steering.gate, throttle)
        self._server = ControlServer(controls.do)
        self._is_quiet = is_quiet
        self._web: WebControl | None = None

    def web(self) -> "WebControl":
        """The door of the status page, which is open while the run listens."""
        from alternator_migrate.monitor.control_web import WebControl  # noqa: PLC0415 # on demand

        self._web = self._web or WebControl(self._server.command)
        return self._web

    async def judged(self) -> None:
        """Return when all judges were asked: nothing is to be read before."""
        await self._judges.first()

    async def watch(self, home: tuple[Path, str] | None) -> None:
        """Obey the judges, and those who steer the run whose savepoints are at `home` (None:
        nobody does), until cancelled. The caller holds the lock of that name."""
        async with together() as group:
            group.create_task(self._judges.watch())
            if home:
                group.create_task(self._listen(*home))

    async def _listen(self, folder: Path, identity: str) -> None:
        """Serve the control socket; one that cannot be is told."""
        name = control_name(identity)
        try:
            with ExitStack() as doors:
                listening, path = doors.enter_context(open_socket(folder, name))
                self._tell(f"steer it with `alternator-migrate control`, or by nc -U {path}")
                if self._web:
                    token = doors.enter_context(self._web.token_in(folder, name))
                    self._tell(f"the status page's buttons want the token in {token}")
                await self._server.serve(listening)
        except OSError as error:
            log.warning("warning: this run cannot be steered: %s", error)

    def _tell(self, words: str) -> None:
        if not self._is_quiet:
            log.info("%s", words)

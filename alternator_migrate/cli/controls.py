"""The commands that steer a run while it lasts."""

import difflib
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from alternator_migrate.cli import limits
from alternator_migrate.core.errors import MigrateError
from alternator_migrate.core.progress import SettingInForce
from alternator_migrate.core.steering import Steering
from alternator_migrate.core.texts import clock_text
from alternator_migrate.monitor import Reply

log = logging.getLogger(__name__)
HELP: Final = {
    "status": "how the run stands",
    "pause": "begin no more reads and writes; what has been read is written first",
    "resume": "lift the pause by `pause`; other reasons stay",
    "set NAME=VALUE ...": "lower a limit, or lift it again with NAME=none",
    "get [NAME]": "the limits in force; NAME=? does the same",
    "savepoint": "write a savepoint now",
    "report": "write the report of --report as it stands now",
    "stop": "stop in good order, as SIGTERM does",
    "help": "these words",
}
NAMES: Final = tuple(each.partition(" ")[0] for each in HELP)
_QUIET: Final = ("status", "get", "help")
Status = Callable[[], tuple[str, Mapping[str, Any]]]


@dataclass(slots=True)
class Controls:
    """Does commands: `status()` tells how the run stands, for a person and for a program, `save()`
    writes a savepoint as soon as possible, `stop()` asks to stop, `report()` writes the report
    that is asked for, and tells where."""

    steering: Steering
    status: Status
    save: Callable[[], None]
    stop: Callable[[], None]
    report: Callable[[], str | None] = lambda: None
    changes: dict[str, tuple[str, float]] = field(default_factory=dict)
    """By the key of each limit that was changed: what it was before, and when (epoch seconds)."""

    async def do(self, words: Sequence[str], channel: str) -> Reply:
        """Do one command that came by `channel`; those that change anything are logged."""
        name, *rest = _normal(words)
        doing = getattr(self, f"_{name}", None) if name in NAMES else None
        if doing is None:
            near = difflib.get_close_matches(name, NAMES, n=1)
            meant = f"; did you mean {near[0]}?" if near else ""
            return Reply(ok=False, text=f"no such command: {name} (known: {_known()}){meant}")
        if name not in _QUIET:
            log.info("control: %s (%s)", " ".join((name, *rest)), channel)
        if rest and name not in ("set", "get"):
            return Reply(ok=False, text=f"{name} takes no more words: {' '.join(rest)}")
        reply: Reply = doing(rest)
        return reply

    @property
    def settings(self) -> tuple[SettingInForce, ...]:
        """The limits in force, as a snapshot of the run has them."""
        return tuple(
            SettingInForce(limit.key, self._limit(limit), *self.changes.get(limit.key, ("", 0.0)))
            for limit in self._limits
        )

    @property
    def _limits(self) -> Sequence[limits.Limit]:
        allowed = self.steering.allowed
        return limits.of_run(allowed, self.steering.without) if allowed else limits.LIMITS

    def _status(self, _: Sequence[str]) -> Reply:
        return self._told()

    def _pause(self, _: Sequence[str]) -> Reply:
        new = self.steering.gate.hold("user", "by you")
        return self._told("pausing" if new else "paused already")

    def _resume(self, _: Sequence[str]) -> Reply:
        was, gate = self.steering.gate.release("user"), self.steering.gate
        if gate.is_open:
            return self._told("going on" if was else "not paused")
        return self._told(f"still paused: {gate.text}")

    def _set(self, words: Sequence[str]) -> Reply:
        steering = self.steering
        if steering.allowed is None:
            return Reply(ok=False, text="the run is being prepared: ask again in a moment")
        if not words:
            return Reply(ok=False, text="set what? Such as: set readThroughput=2000")
        before = {each: self._limit(each) for each in self._limits}
        try:
            asked = limits.changed(steering.asked, steering.allowed, words, steering.without)
        except limits.BadSetting as error:
            return Reply(ok=False, text=f"nothing was changed: {error}")
        steering.ask(asked)
        told = []
        for limit, was in before.items():
            if (now := self._limit(limit)) != was:
                self.changes[limit.key] = was, time.time()
                told.append(f"{limit.name}: {now}, was {was}")
                log.info("%s", told[-1])
        return self._told("\n".join(told) or "nothing to change")

    def _get(self, words: Sequence[str]) -> Reply:
        try:
            known = self._limits
            wanted = [limits.limit_named(word, known) for word in words] or known
        except limits.BadSetting as error:
            return Reply(ok=False, text=str(error))
        lines = [f"{limit.name}: {self._limit(limit)}{self._since(limit)}" for limit in wanted]
        steering = self.steering
        values = limits.in_force(steering.asked, steering.allowed)
        return Reply(ok=True, text="\n".join(lines), values={"limits": dict(values)})

    def _savepoint(self, _: Sequence[str]) -> Reply:
        self.save()
        return self._told("a savepoint is being written")

    def _report(self, _: Sequence[str]) -> Reply:
        try:
            path = self.report()
        except MigrateError as error:
            return Reply(ok=False, text=str(error))
        if path is None:
            return Reply(ok=False, text="this run was started without --report PATH.html")
        return self._told(f"written to {path}")

    def _stop(self, _: Sequence[str]) -> Reply:
        self.stop()
        return self._told("stopping: what has been read is written first")

    def _help(self, _: Sequence[str]) -> Reply:
        width = max(map(len, HELP))
        lines = [f"{words:{width}}  {meaning}" for words, meaning in HELP.items()]
        return Reply(ok=True, text="\n".join(lines))

    def _told(self, text: str = "") -> Reply:
        """What was done, and how the run stands."""
        status, values = self.status()
        return Reply(ok=True, text=text or status, values={"status": dict(values)})

    def _limit(self, limit: limits.Limit) -> str:
        return limits.told(limit, self.steering.asked, self.steering.allowed)

    def _since(self, limit: limits.Limit) -> str:
        was, at = self.changes.get(limit.key, ("", 0.0))
        return f"; changed at {clock_text(at)}, was {was}" if was else ""


def _normal(words: Sequence[str]) -> list[str]:
    """The words of a command; NAME=VALUE alone is `set`, NAME=? is `get`."""
    if not words:
        return ["help"]
    if "=" not in words[0]:
        return [*words]
    if words[0].endswith("=?"):
        return ["get", *(word.removesuffix("=?") for word in words)]
    return ["set", *words]


def _known() -> str:
    return ", ".join(NAMES)

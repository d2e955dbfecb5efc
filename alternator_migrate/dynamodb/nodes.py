"""The nodes of a service: which there are, which answer, whose turn it is.

Alternator lists its live nodes at `/localnodes`; DynamoDB has one address and needs no watching.
"""

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from typing import Final
from urllib.parse import quote, urlsplit

from alternator_migrate.core.errors import MigrateError
from alternator_migrate.core.requests import NodeState

log = logging.getLogger(__name__)
Ask = Callable[[str, str], Awaitable[bytes]]
"""`ask(url, path)`: the body of a GET at a node. Raises `MigrateError` where it does not answer."""
_PROBE_SECONDS: Final = 2.0


class Nodes:
    """The rotation of nodes that requests are spread over.

    A node joins it once it has answered, and leaves it with its first failed request, until it
    answers a probe again: a dead node costs one request, and nothing after that. Where no listed
    node can be reached from here (as behind a forwarded port) the contact nodes serve alone, but
    where a datacenter or rack is chosen: a contact may be elsewhere, so only listed nodes serve.
    """

    def __init__(
        self,
        contacts: Sequence[str],
        *,
        datacenter: str | None = None,
        rack: str | None = None,
        active_seconds: float = 1.0,
        idle_seconds: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.contacts = tuple(contacts)
        self._active_seconds, self._idle_seconds = active_seconds, idle_seconds
        self._clock = clock
        chosen = (("dc", datacenter), ("rack", rack))
        query = "&".join(f"{key}={quote(value)}" for key, value in chosen if value)
        self._is_chosen = bool(query)
        self.path = f"/localnodes?{query}" if query else "/localnodes"
        self._listed: tuple[str, ...] = ()
        self._answering: set[str] = set(contacts)
        self._met: set[str] = set()
        self._rotation: tuple[str, ...] = self.contacts
        self._turn = 0
        self._trouble = asyncio.Event()
        self._picked_at = clock()

    @property
    def rotation(self) -> tuple[str, ...]:
        """The URLs in use now, at least one."""
        return self._rotation

    @property
    def listed(self) -> tuple[str, ...]:
        """The URLs of the nodes that the service lists; empty where it lists none."""
        return self._listed

    @property
    def states(self) -> tuple[tuple[str, NodeState], ...]:
        """Each node that is known, and what it is used for."""
        known = dict.fromkeys((*self._rotation, *self._listed, *self.contacts))
        return tuple((url, self._state(url)) for url in known)

    @property
    def reached(self) -> bool:
        """Whether a node of the rotation answered when it was last asked."""
        return not self._answering.isdisjoint(self._rotation)

    def pick(self, avoid: str = "") -> str:
        """The URL whose turn it is; never `avoid` where there is another."""
        self._picked_at = self._clock()
        self._turn += 1
        url = self._rotation[self._turn % len(self._rotation)]
        if url == avoid and len(self._rotation) > 1:
            self._turn += 1
            url = self._rotation[self._turn % len(self._rotation)]
        return url

    def visit(self, url: str) -> str:
        """A request goes to `url`, whosever turn it is."""
        self._picked_at = self._clock()
        return url

    def failed(self, url: str) -> None:
        """A request got no answer from `url`: probe it before it is used again."""
        if url in self._answering:
            self._answering.discard(url)
            self._turn_anew()
            self._trouble.set()

    async def refresh(self, ask: Ask) -> None:
        """Learn the list of nodes, and which of them answer, from those known now."""
        known = dict.fromkeys((*self.contacts, *self._listed))
        answers = await asyncio.gather(*(self._probe(url, ask) for url in known))
        listed = [each for answer in answers if answer is not None for each in answer]
        if listed:
            new = tuple(dict.fromkeys(url for url in listed if url not in known))
            self._listed = tuple(dict.fromkeys(listed))
            await asyncio.gather(*(self._probe(url, ask) for url in new))
        self._turn_anew()

    async def watch(self, ask: Ask) -> None:
        """Refresh by the clock, and at once when a request has failed, until cancelled."""
        while True:
            idle = self._clock() - self._picked_at > self._idle_seconds
            with suppress(TimeoutError):
                await asyncio.wait_for(
                    self._trouble.wait(), self._idle_seconds if idle else self._active_seconds
                )
                await asyncio.sleep(min(0.1, self._active_seconds))
            self._trouble.clear()
            await self.refresh(ask)

    def _state(self, url: str) -> NodeState:
        if url not in self._answering:
            return "not answering"
        return "in use" if url in self._rotation else "spare"

    async def _probe(self, url: str, ask: Ask) -> list[str] | None:
        """The nodes that `url` lists, as URLs; None where it does not answer."""
        try:
            async with asyncio.timeout(_PROBE_SECONDS):
                found = json.loads(await ask(url, self.path))
        except (MigrateError, TimeoutError, ValueError):
            self._answering.discard(url)
            return None
        self._answering.add(url)
        self._met.add(url)
        return list(_urls_like(url, found)) if isinstance(found, list) else []

    def _turn_anew(self) -> None:
        """Take the nodes in turn that are to be used by now."""
        before, self._rotation = self._rotation, self._usable()
        if self._rotation != before:
            log.debug("nodes in use: %s; before: %s", ", ".join(self._rotation), ", ".join(before))

    def _usable(self) -> tuple[str, ...]:
        """Listed nodes that answer; else contacts that answer; else those that ever did: a busy
        machine may miss all answers at once; else all there are."""
        contacts = () if self._is_chosen and self._listed else self.contacts
        for choice in (self._listed, contacts):
            answering = tuple(url for url in choice if url in self._answering)
            if answering:
                return answering
        known = tuple(dict.fromkeys((*contacts, *self._listed)))
        return tuple(url for url in known if url in self._met) or known


def _urls_like(contact: str, addresses: Iterable[object]) -> Iterable[str]:
    """URLs of other addresses with a contact's scheme and port."""
    parts = urlsplit(contact)
    port = f":{parts.port}" if parts.port else ""
    for address in addresses:
        host = f"[{address}]" if ":" in str(address) else str(address)
        yield f"{parts.scheme}://{host}{port}"

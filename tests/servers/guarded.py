"""An Alternator as it stands in production: it checks signatures, has nodes, and a name."""

import pytest

from tests.servers.client import ROLE, SECRET
from tests.standin import StandIn

NODES = 3


def either(fixture: str) -> pytest.MarkDecorator:
    """A row for each kind of Alternator that a fixture has, see `kind_of`."""
    return pytest.mark.parametrize(fixture, ["open", "guarded"], indirect=True)


EITHER = either("standin")


def kind_of(request: pytest.FixtureRequest) -> type[StandIn]:
    """The kind of Alternator that a fixture is asked for: one that is open to all, unless a test
    has rows of `either`."""
    return Guarded if getattr(request, "param", "open") == "guarded" else StandIn


class Guarded(StandIn):
    """Three nodes that refuse what the role of `client` did not sign; `url` is a host name."""

    def __init__(self, **settings: object) -> None:
        super().__init__(NODES, auth={ROLE: SECRET}, **settings)  # type: ignore[arg-type]

    @property
    def url(self) -> str:
        """The name of the first node, which differs from its address in the list of nodes."""
        return super().url.replace("127.0.0.1", "localhost")

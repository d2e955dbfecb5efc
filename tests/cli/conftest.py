"""Two stand-ins for every test that asks for them."""

from collections.abc import AsyncIterator

import pytest

from tests.support.cli import Ends, two_ends


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line("markers", "slow: takes more than a few seconds")


@pytest.fixture
async def ends() -> AsyncIterator[Ends]:
    """A source whose table `Example` holds 40 items, and an empty target."""
    async with two_ends() as opened:
        yield opened

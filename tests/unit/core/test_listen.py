"""Where a page listens, and to which names it answers."""

import pytest

from alternator_migrate.core.listen import Listen, is_answered


@pytest.mark.parametrize(
    ("text", "host", "port", "local"),
    [
        ("8080", "127.0.0.1", 8080, True),
        (":0", "127.0.0.1", 0, True),
        ("localhost:9", "localhost", 9, True),
        ("0.0.0.0:8080", "0.0.0.0", 8080, False),
        ("[::1]:8080", "::1", 8080, True),
        ("db1.internal:80", "db1.internal", 80, False),
    ],
)
def test_a_place_to_listen(text: str, host: str, port: int, local: bool) -> None:
    found = Listen.written(text)
    assert (found.host, found.port, found.is_local) == (host, port, local)


@pytest.mark.parametrize("text", ["", "host", "host:", "1.2.3.4:x", "::1:80", "a:65536", "a:-1"])
def test_what_is_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"must be \[HOST:\]PORT"):
        Listen.written(text)


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "127.0.0.1:80", "localhost:1", "LOCALHOST.", "[::1]:9", "::1", "10.1.2.3:80"],
)
def test_addresses_and_this_machine_are_answered(host: str) -> None:
    assert is_answered(host, ())


@pytest.mark.parametrize(
    "host",
    ["", "evil.example", "evil.example:80", "127.0.0.1.evil.example", "localhost.evil.example"],
)
def test_a_name_that_is_not_known_is_not(host: str) -> None:
    assert not is_answered(host, ("db1.internal",))
    assert is_answered("DB1.internal:80", ("db1.internal",))

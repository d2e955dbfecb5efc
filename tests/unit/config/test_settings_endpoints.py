"""Where a service listens: the ways to say it, and what no client could use."""

from typing import Any

import pytest

from tests.support.configs import ALTERNATOR_SOURCE, at, changed, loaded, paths, refused


@pytest.mark.parametrize("side", ["source", "target"])
@pytest.mark.parametrize(
    ("endpoint", "contacts"),
    [
        ({"host": "http://h", "port": 8000}, ("http://h:8000",)),
        ({"host": "https://h"}, ("https://h",)),
        ({"host": "h", "port": 443}, ("https://h:443",)),
        ({"host": "h/"}, ("http://h",)),
        ({"host": "[::1]", "port": 8000}, ("http://[::1]:8000",)),
        ({"url": "https://h:8043/"}, ("https://h:8043",)),
        ({"urls": ["http://a:1", "http://b:2"]}, ("http://a:1", "http://b:2")),
    ],
)
def test_an_endpoint_is_host_and_port_or_url_or_urls(
    side: str, endpoint: dict[str, Any], contacts: tuple[str, ...]
) -> None:
    settings, _ = loaded(changed(f"{side}.endpoint", endpoint, ALTERNATOR_SOURCE))
    assert at(settings, f"{side}.endpoint.contacts") == contacts


@pytest.mark.parametrize(
    "url",
    [
        *(
            "http://h:port",
            "http://h:99999",
            "http://h h",
            "http://:80",
            "http://[::1",
            "http://h?x",
        ),
        *("http://user@h", "http://h_x", "http://h..x", "http://-", "http://h%20x", "http://é"),
    ],
)
@pytest.mark.parametrize("key", ["url", "host"])
def test_an_address_that_no_client_could_use_is_a_mistake(key: str, url: str) -> None:
    text = changed("target.endpoint", {key: url})
    assert paths(refused(text).mistakes) == {f"target.endpoint.{key}"}


def test_a_host_of_aws_is_spoken_to_by_tls() -> None:
    host = "dynamodb.eu-west-1.amazonaws.com"
    settings, _ = loaded(changed("target.endpoint", {"host": host}))
    assert at(settings, "target.endpoint.contacts") == (f"https://{host}",)


def test_streams_have_an_endpoint_of_their_own_at_aws_alone() -> None:
    endpoint = {"url": "https://h", "streamsUrl": "https://s/"}
    settings, _ = loaded(changed("source.endpoint", endpoint))
    assert at(settings, "source.endpoint.streams_url") == "https://s"
    (mistake,) = refused(changed("source.endpoint", endpoint, ALTERNATOR_SOURCE)).mistakes
    assert mistake.path == "source.endpoint.streamsUrl"
    assert "type: dynamodb" in mistake.message
    (mistake,) = refused(changed("target.endpoint", endpoint)).mistakes
    assert mistake.path == "target.endpoint.streamsUrl"


@pytest.mark.parametrize(
    ("endpoint", "key", "words"),
    [
        ({"url": "https://h", "clientKey": "k"}, "clientKey", "goes with clientCertificate"),
        ({"url": "http://h", "clientCertificate": "c"}, "clientCertificate", "https"),
        ({"urls": ["https://h", "http://i"], "clientCertificate": "c"}, "clientCertificate", "is"),
    ],
)
def test_a_certificate_that_would_not_be_shown_is_a_mistake(
    endpoint: dict[str, Any], key: str, words: str
) -> None:
    (mistake,) = refused(changed("source.endpoint", endpoint, ALTERNATOR_SOURCE)).mistakes
    assert mistake.path == f"source.endpoint.{key}"
    assert words in mistake.message


def test_a_host_with_a_port_takes_no_other_port() -> None:
    refused(changed("target.endpoint", {"host": "http://h:8000", "port": 8000}))


def test_a_ca_for_aws_itself_is_named_elsewhere() -> None:
    (mistake,) = refused(changed("source.endpoint", {"caBundle": "ca.pem"})).mistakes
    assert mistake.path == "source.endpoint"
    assert "AWS_CA_BUNDLE" in mistake.message

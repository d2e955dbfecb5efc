"""Keys of endpoints and credentials that are right one by one and wrong together."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from alternator_migrate.config.access import CredentialsSettings, EndpointSettings
from alternator_migrate.config.document import within

_REDACTED: Final = "<redacted>"


@dataclass(frozen=True, slots=True)
class Contradiction:
    """A mistake at a path; it is sure where the keys of `about` have no mistake of their own."""

    path: str
    message: str
    about: tuple[str, ...]

    def is_sure(self, wrong: Collection[str]) -> bool:
        """Whether it holds beside mistakes at the paths of `wrong`."""
        return not any(
            within(mistake, key) or within(key, mistake) for mistake in wrong for key in self.about
        )


def of_endpoint(path: str, endpoint: EndpointSettings, *, is_aws: bool) -> Iterator[Contradiction]:
    """Addresses of an endpoint that do not go together, or that are missing."""
    host, port = f"{path}.host", f"{path}.port"
    ways = [bool(endpoint.host), bool(endpoint.url), bool(endpoint.urls)]
    if sum(ways) != 1:
        words = "needs exactly one of host (and port), url, urls"
        if not any(ways) and is_aws:
            words = "needs a host or a url (for AWS itself leave it out; AWS_CA_BUNDLE names a CA)"
        yield Contradiction(path, words, (host, f"{path}.url", f"{path}.urls"))
    elif endpoint.port and not endpoint.host:
        yield Contradiction(port, "goes with host; a URL has its own port", (host, port))
    elif endpoint.port and _has_port(str(endpoint.host)):
        yield Contradiction(port, "stands beside a host that has a port already", (host, port))
    yield from _of_client(path, endpoint)


def _of_client(path: str, endpoint: EndpointSettings) -> Iterator[Contradiction]:
    certificate, secret = f"{path}.clientCertificate", f"{path}.clientKey"
    about = (certificate, secret, *(f"{path}.{way}" for way in ("host", "port", "url", "urls")))
    if endpoint.client_key and not endpoint.client_certificate:
        yield Contradiction(secret, "goes with clientCertificate", about[:2])
    elif endpoint.client_certificate and any(url.startswith("http:") for url in endpoint.contacts):
        yield Contradiction(certificate, "is for https://, which the endpoint is not", about)


def of_tls(path: str, endpoint: EndpointSettings) -> Iterator[Contradiction]:
    """TLS settings of an endpoint without TLS."""
    asked = {"caBundle": endpoint.ca_bundle, "insecureSkipVerify": endpoint.insecure_skip_verify}
    plain = [url for url in endpoint.contacts if not url.startswith("https://")]
    for key in [key for key, value in asked.items() if value and plain]:
        about = tuple(f"{path}.{each}" for each in ("host", "port", "url", "urls", key))
        yield Contradiction(f"{path}.{key}", f"goes with https, and {plain[0]} is not", about)


def of_credentials(path: str, credentials: CredentialsSettings) -> Iterator[Contradiction]:
    """Ways to sign requests that do not go together, or that lack a part."""
    access, secret, token = (f"{path}.{key}" for key in ("accessKey", "secretKey", "sessionToken"))
    texts = credentials.access_key, credentials.secret_key, credentials.session_token
    for key, text in zip((access, secret, token), texts, strict=True):
        if text == _REDACTED:
            why = "was left out by ScyllaDB Migrator, which keeps no secret in its savepoints"
            yield Contradiction(key, f"{why}: write it here, or give it with --set", (key,))
    if bool(credentials.access_key) != bool(credentials.secret_key):
        yield Contradiction(
            path, "needs both accessKey and secretKey, or neither", (access, secret)
        )
    if credentials.access_key and credentials.profile:
        profile = f"{path}.profile"
        yield Contradiction(
            profile, "stands beside accessKey: give one of the two", (access, profile)
        )
    if credentials.session_token and not credentials.access_key:
        yield Contradiction(token, "needs accessKey and secretKey", (access, token))


def _has_port(host: str) -> bool:
    return urlsplit(host if "://" in host else f"//{host}").port is not None

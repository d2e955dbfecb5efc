"""Connections to nodes, directly or by a proxy, and the errors where they fail."""

import asyncio
import os
import socket
import ssl
from collections.abc import Iterable
from dataclasses import dataclass

import aiohttp
from yarl import URL

from alternator_migrate.core import errors
from alternator_migrate.dynamodb.http.proxies import proxy_for


@dataclass(frozen=True, slots=True)
class Transport:
    """Options of connections: `insecure` skips the certificate check, `ca_bundle` is a PEM file's
    path, as are `certificate` and `key` of this client (None for a key that the certificate's file
    has); times are in seconds, after `live_seconds` a connection is given up for its age;
    `compress` sends request bodies with gzip; `few_headers` leaves out what Alternator does not
    read."""

    connections: int = 64
    connect_timeout: float | None = 5.0
    read_timeout: float = 30.0
    idle_timeout: float = 50.0
    acquire_timeout: float | None = None
    live_seconds: float | None = None
    ca_bundle: str | None = None
    insecure: bool = False
    certificate: str | None = None
    key: str | None = None
    compress: bool = False
    few_headers: bool = False


class Node:
    """The part of every request to one node that stays the same.

    Behind a proxy, https goes through a tunnel that the proxy makes, and http to the proxy itself,
    in requests that name the whole URL. Raises `UsageError` for a proxy that cannot be used.
    """

    def __init__(self, address: str, transport: Transport) -> None:
        url = URL(address).with_path("/")
        host = f"[{url.host}]" if ":" in (url.host or "") else url.host or ""
        self.url = address
        self.host = host if url.is_default_port() else f"{host}:{url.port}"
        encoding = "" if transport.few_headers else "Accept-Encoding: identity\r\n"
        self.common = f"Host: {self.host}\r\n{encoding}"
        self.root, self._way, tunnel, patience = "", "", None, transport.acquire_timeout
        if proxy := proxy_for(address):
            self._way = f" through the proxy {proxy.shown}"
            if url.scheme == "https":
                tunnel = URL(proxy.url)
                # nothing else limits how long the proxy may take to make the tunnel
                patience = patience or (transport.connect_timeout or 0.0) + transport.read_timeout
            else:
                self.root, url = f"http://{self.host}", URL(proxy.shown)
                self.common += proxy.header
        self.post = f"POST {self.root}/ HTTP/1.1\r\n{self.common}"
        self.timeout = aiohttp.ClientTimeout(
            connect=patience, sock_connect=transport.connect_timeout
        )
        self.request = aiohttp.ClientRequest(
            "POST", url, proxy=tunnel, loop=asyncio.get_running_loop()
        )

    def untrusted(self, error: aiohttp.ClientConnectorCertificateError) -> errors.MigrateError:
        """The error for a certificate that does not convince."""
        why = getattr(error.certificate_error, "verify_message", error.certificate_error)
        return errors.MigrateError(
            f"{self.url} does not prove who it is{self._way}: {why}", errors.NO_CERTIFICATE
        )

    def no_tls(self, error: aiohttp.ClientConnectorSSLError) -> errors.MigrateError:
        """The error for a server that speaks something else than TLS, or does not let us in."""
        return errors.MigrateError(
            f"{self.url} does not speak TLS as it should{self._way}: {error.os_error}",
            "Write http:// for a port without TLS, or name the TLS port; where the server demands "
            "a client's certificate, set endpoint.clientCertificate and clientKey.",
        )

    def unavailable(self, operation: str, error: Exception) -> errors.Unavailable:
        """The error for no answer to `operation`."""
        return errors.Unavailable(
            f"{operation} at {self.url}{self._way}: {_words(error)}", self.url
        )


def connector_to(urls: Iterable[str], transport: Transport) -> aiohttp.TCPConnector:
    """The connections to a service at these URLs.

    Raises `UsageError` for a CA bundle or a client's certificate that cannot be used.
    """
    secure = any(url.startswith("https:") for url in urls)
    return aiohttp.TCPConnector(
        limit=transport.connections,
        keepalive_timeout=transport.idle_timeout,
        ssl=_ssl_context(transport) if secure else True,
    )


def _ssl_context(transport: Transport) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=transport.ca_bundle)
    except (OSError, ssl.SSLError) as error:
        raise errors.UsageError(
            f"the CA bundle {transport.ca_bundle} cannot be used: {error}",
            "It must be a PEM file with the certificate of the CA. It is named by "
            "endpoint.caBundle, else by AWS_CA_BUNDLE, REQUESTS_CA_BUNDLE or the AWS profile.",
        ) from error
    _show_client(context, transport.certificate, transport.key)
    if transport.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _show_client(context: ssl.SSLContext, certificate: str | None, key: str | None) -> None:
    """Load the certificate that a server may demand. Raises `UsageError`."""
    if certificate is None:
        return
    both = f"{certificate} and {key}" if key else certificate
    try:
        context.load_cert_chain(certificate, key, password="")
    except (OSError, ssl.SSLError, ValueError) as error:
        raise errors.UsageError(
            f"the client certificate {both} cannot be used: {_reason_of_tls(error)}",
            "endpoint.clientCertificate and endpoint.clientKey are to name PEM files: a "
            "certificate and its own key, without a password.",
        ) from error


def _reason_of_tls(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return (error.reason or str(error)).replace("_", " ").lower()
    return _reason(error) if isinstance(error, OSError) else str(error)


def _words(error: Exception) -> str:
    """The system's words for an error, the same on every event loop."""
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return f"the proxy answers with HTTP {error.status} ({error.message})"
    if isinstance(error, aiohttp.ClientConnectorError):
        return f"cannot connect: {_reason(error.os_error)}"
    if isinstance(error, TimeoutError):
        return f"no answer in time ({error})" if str(error) else "no answer in time"
    if isinstance(error, OSError):
        return _reason(error)
    return str(error) or type(error).__name__


def _reason(error: OSError) -> str:
    if error.errno and not isinstance(error, socket.gaierror):
        return os.strerror(error.errno)
    return error.strerror or str(error) or type(error).__name__

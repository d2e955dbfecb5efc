"""A server's side of TLS, with a certificate that nobody trusts yet."""

import asyncio
import shutil
import ssl
from pathlib import Path

import pytest

from tests.servers.patience import stretched


async def mutual(folder: Path, version: ssl.TLSVersion) -> tuple[ssl.SSLContext, dict[str, str]]:
    """A context for a server on 127.0.0.1 that demands a client's certificate, and the endpoint's
    keys for a client that it knows; skips the test without openssl."""
    for name in ("server", "client"):
        (folder / name).mkdir()
    context, bundle = await self_signed(folder / "server")
    _, certificate = await self_signed(folder / "client")
    context.load_verify_locations(certificate)
    context.verify_mode = ssl.CERT_REQUIRED
    context.maximum_version = version
    key = certificate.with_name("key.pem")
    client = {"clientCertificate": str(certificate), "clientKey": str(key)}
    return context, {"caBundle": str(bundle), **client}


async def self_signed(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """A context for a server on 127.0.0.1, and its certificate; skips the test without openssl."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("needs the openssl command to make a certificate")
    made, key = folder / "certificate.pem", folder / "key.pem"
    words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=test"
    names = ("-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(made))
    process = await asyncio.create_subprocess_exec(
        openssl, *words.split(), *names, stderr=asyncio.subprocess.DEVNULL
    )
    assert await asyncio.wait_for(process.wait(), stretched(30)) == 0
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(made, key)
    return context, made

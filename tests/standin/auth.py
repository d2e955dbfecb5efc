"""Signature Version 4 as Alternator checks it: over the body as sent, within 15 minutes."""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from tests.standin.errors import ApiError, validation

ALGORITHM = "AWS4-HMAC-SHA256"
STAMP = "%Y%m%dT%H%M%SZ"
WINDOW = timedelta(minutes=15)


def check(headers: Mapping[str, str], payload: bytes, secrets: Mapping[str, str]) -> str:
    """The role that signed the request; `headers` finds names in any case.

    Raises what Alternator answers with `alternator_enforce_authorization` on.
    """
    if "Host" not in headers:
        raise _invalid("Host header is mandatory for signature verification")
    parts = _parts(headers.get("Authorization"))
    credential = parts.get("Credential", "")
    scope = credential.split("/")
    if len(scope) != 5:
        raise validation(f"Incorrect credential information format: {credential}")
    secret = secrets.get(scope[0])
    if secret is None:
        raise ApiError("UnrecognizedClientException", f"User not found: {scope[0]}")
    names = sorted(parts.get("SignedHeaders", "").split(";"))
    signed = {name: " ".join(headers.get(name, "").split()) for name in names}
    stamp = _fresh(signed.get("x-amz-date"), scope[1])
    if not hmac.compare_digest(
        _signature(secret, scope[1:4], stamp, signed, payload), parts.get("Signature", "")
    ):
        raise ApiError("UnrecognizedClientException", "wrong signature")
    return scope[0]


def _parts(authorization: str | None) -> dict[str, str]:
    """Credential, SignedHeaders and Signature, as far as they are there."""
    if authorization is None:
        raise ApiError(
            "MissingAuthenticationTokenException",
            "Authorization header is mandatory for signature verification",
        )
    algorithm, _, rest = authorization.partition(" ")
    if algorithm != ALGORITHM:
        raise _invalid(f"Authorization header must use {ALGORITHM} algorithm: {algorithm}")
    return dict(part.split("=", 1) for part in rest.replace(",", " ").split() if "=" in part)


def _invalid(message: str) -> ApiError:
    return ApiError("InvalidSignatureException", message)


def _fresh(stamp: str | None, day: str) -> str:
    """x-amz-date, if it was signed and is of about now."""
    if stamp is None:
        raise _invalid("X-Amz-Date header is mandatory for signature verification")
    if stamp[:8] != day:
        raise _invalid(
            f"X-Amz-Date date does not match the provided datestamp. Expected {day}, got "
            f"{stamp[:8]}"
        )
    now = datetime.now(UTC)
    early, late = (now - WINDOW).strftime(STAMP), (now + WINDOW).strftime(STAMP)
    if stamp < early:
        raise _invalid(
            f"invalid signature: Signature expired: {stamp} is now earlier than {early} "
            "(current time - 15 min.)"
        )
    if stamp > late:
        raise _invalid(
            f"invalid signature: Signature not yet current: {stamp} is still later than {late} "
            "(current time + 15 min.)"
        )
    return stamp


def _signature(
    secret: str, scope: list[str], stamp: str, signed: dict[str, str], payload: bytes
) -> str:
    """The signature that the request should carry; URI and query are always empty."""
    lines = [f"{name}:{value}" for name, value in signed.items()]
    digest = hashlib.sha256(payload).hexdigest()
    request = "\n".join(["POST", "/", "", *lines, "", ";".join(signed), digest])
    key = f"AWS4{secret}".encode()
    for part in (*scope, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    hashed = hashlib.sha256(request.encode()).hexdigest()
    text = "\n".join([ALGORITHM, stamp, "/".join((*scope, "aws4_request")), hashed])
    return hmac.new(key, text.encode(), "sha256").hexdigest()

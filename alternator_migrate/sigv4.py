"""AWS Signature Version 4 for DynamoDB requests, with the signing key kept for its day.

Always `POST /` with an empty query; the signed headers are content-type, host, x-amz-date,
x-amz-security-token (with a session token) and x-amz-target.
"""

import hashlib
import hmac
import time
from dataclasses import dataclass, field

CONTENT_TYPE = "application/x-amz-json-1.0"


@dataclass(frozen=True, slots=True)
class Credentials:
    """An AWS access key; `repr` shows no secret."""

    access_key: str
    secret_key: str = field(repr=False)
    token: str | None = field(default=None, repr=False)


class Signer:
    """Signs requests for one region and service; keys are derived once a day and credential.

    `with_type` sends and signs Content-Type, which Alternator does not read.
    """

    def __init__(self, region: str, service: str = "dynamodb", *, with_type: bool = True) -> None:
        self._scope = f"{region}/{service}/aws4_request"
        self._region, self._service = region, service
        self._with_type = with_type
        self._cached: tuple[str, str, bytes] = ("", "", b"")

    def headers(
        self, credentials: Credentials, host: str, target: str, body: bytes, now: float
    ) -> dict[str, str]:
        """Headers of a signed request, Host excepted.

        `host` as it stands in the Host header, `target` the X-Amz-Target, `body` as sent (after
        compression), `now` in epoch seconds.
        """
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
        token = credentials.token or None
        signed = [("host", host), ("x-amz-date", stamp)]
        if self._with_type:
            signed.insert(0, ("content-type", CONTENT_TYPE))
        if token is not None:
            signed.append(("x-amz-security-token", token))
        signed.append(("x-amz-target", target))
        names = ";".join([name for name, _ in signed])
        lines = "".join([f"{name}:{value}\n" for name, value in signed])
        canonical = f"POST\n/\n\n{lines}\n{names}\n{hashlib.sha256(body).hexdigest()}"
        scope = f"{stamp[:8]}/{self._scope}"
        digest = hashlib.sha256(canonical.encode()).hexdigest()
        message = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{digest}".encode()
        signature = hmac.digest(self._key(credentials, stamp[:8]), message, "sha256").hex()
        headers = {
            "X-Amz-Target": target,
            "X-Amz-Date": stamp,
            "Authorization": (
                f"AWS4-HMAC-SHA256 Credential={credentials.access_key}/{scope}, "
                f"SignedHeaders={names}, Signature={signature}"
            ),
        }
        if self._with_type:
            headers["Content-Type"] = CONTENT_TYPE
        if token is not None:
            headers["X-Amz-Security-Token"] = token
        return headers

    def _key(self, credentials: Credentials, day: str) -> bytes:
        secret = credentials.secret_key
        if self._cached[:2] != (day, secret):
            key = f"AWS4{secret}".encode()
            for part in (day, self._region, self._service, "aws4_request"):
                key = hmac.digest(key, part.encode(), "sha256")
            self._cached = (day, secret, key)
        return self._cached[2]

"""AWS Signature Version 4 for DynamoDB requests, with the signing key kept for its day.

Always `POST /` with an empty query; the signed headers are content-type, host, x-amz-date,
x-amz-security-token (with a session token) and x-amz-target.
"""

import hmac
import time
from dataclasses import dataclass, field
from hashlib import sha256

CONTENT_TYPE = "application/x-amz-json-1.0"


@dataclass(frozen=True, slots=True)
class Credentials:
    """An AWS access key; `repr` shows no secret."""

    access_key: str
    secret_key: str = field(repr=False)
    token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class _Form:
    """The part of a signature that is the same in all requests of one second to one host for one
    operation: a `request` to append the body's hash to, a `message` to append the request's to, and
    the rest."""

    credentials: Credentials
    request: str
    message: str
    authorization: str
    key: bytes
    headers: dict[str, str]


class Signer:
    """Signs requests for one region and service; keys are derived once a day and credential.

    `with_type` sends and signs Content-Type, which Alternator does not read.
    """

    def __init__(self, region: str, service: str = "dynamodb", *, with_type: bool = True) -> None:
        self._scope = f"{region}/{service}/aws4_request"
        self.region, self._service = region, service
        self._with_type = with_type
        self._cached: tuple[str, str, bytes] = ("", "", b"")
        self._second = -1
        self._forms: dict[tuple[str, str], _Form] = {}

    def headers(
        self, credentials: Credentials, host: str, target: str, body: bytes, now: float
    ) -> dict[str, str]:
        """Headers of a signed request, Host excepted.

        `host` as it stands in the Host header, `target` the X-Amz-Target, `body` as sent (after
        compression), `now` in epoch seconds.
        """
        second = int(now)
        if second != self._second:
            self._second = second
            self._forms.clear()
        form = self._forms.get((host, target))
        if form is None or form.credentials != credentials:
            form = self._forms[host, target] = self._form(credentials, host, target)
        request = f"{form.request}{sha256(body).hexdigest()}"
        message = f"{form.message}{sha256(request.encode()).hexdigest()}"
        signature = hmac.digest(form.key, message.encode(), "sha256").hex()
        return {**form.headers, "Authorization": f"{form.authorization}{signature}"}

    def _form(self, credentials: Credentials, host: str, target: str) -> _Form:
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(self._second))
        headers = {"X-Amz-Target": target, "X-Amz-Date": stamp}
        if self._with_type:
            headers["Content-Type"] = CONTENT_TYPE
        if credentials.token:
            headers["X-Amz-Security-Token"] = credentials.token
        signed = sorted((name.lower(), value) for name, value in {"Host": host, **headers}.items())
        names = ";".join([name for name, _ in signed])
        lines = "".join([f"{name}:{value}\n" for name, value in signed])
        day = stamp[:8]
        scope = f"{day}/{self._scope}"
        return _Form(
            credentials=credentials,
            request=f"POST\n/\n\n{lines}\n{names}\n",
            message=f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n",
            authorization=(
                f"AWS4-HMAC-SHA256 Credential={credentials.access_key}/{scope}, "
                f"SignedHeaders={names}, Signature="
            ),
            key=self._key(credentials, day),
            headers=headers,
        )

    def _key(self, credentials: Credentials, day: str) -> bytes:
        secret = credentials.secret_key
        if self._cached[:2] != (day, secret):
            key = f"AWS4{secret}".encode()
            for part in (day, self.region, self._service, "aws4_request"):
                key = hmac.digest(key, part.encode(), "sha256")
            self._cached = (day, secret, key)
        return self._cached[2]

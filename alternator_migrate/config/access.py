"""How a service is reached: its address, and what its requests are signed with."""

from dataclasses import dataclass
from typing import Any

from alternator_migrate.config.kinds import (
    base_url,
    flag,
    host_name,
    integer,
    key,
    list_of,
    local_path,
    section,
    text,
)
from alternator_migrate.dynamodb.endpoints import aws_host
from alternator_migrate.dynamodb.login import Login


def path_style() -> Any:
    """The key for how the name of a bucket is sent to its server."""
    words = "bucket in the path, not in the host name; by default for hosts that are not AWS's"
    return key(flag, words)


@dataclass(frozen=True, slots=True)
class EndpointSettings:
    """The address of a service."""

    host: str | None = key(host_name, "host name, with http:// or https:// before it")
    port: int | None = key(integer(1, 65535), "TCP port")
    url: str | None = key(base_url, "scheme, host and port in one, instead of host and port")
    urls: tuple[str, ...] = key(
        list_of(base_url), "several contact nodes of Alternator", default=()
    )
    ca_bundle: str | None = key(
        local_path, "PEM file of the CA that signed the server's certificate"
    )
    insecure_skip_verify: bool = key(flag, "do not check the certificate", default=False)
    client_certificate: str | None = key(
        text, "PEM file of this client's certificate, for a server that demands one"
    )
    client_key: str | None = key(text, "PEM file of its key, where the other has none")

    @property
    def contacts(self) -> tuple[str, ...]:
        """The URLs to contact, at least one where the section is valid."""
        if self.urls or self.url:
            return self.urls or (str(self.url),)
        if not self.host:
            return ()
        host = self.host.rstrip("/")
        if "://" not in host:
            secure = self.port == 443 or (not self.port and aws_host(f"https://{host}"))
            host = f"{'https' if secure else 'http'}://{host}"
        return (f"{host}:{self.port}" if self.port else host,)


@dataclass(frozen=True, slots=True)
class AssumeRoleSettings:
    """A role to assume with the credentials beside it."""

    arn: str = key(text, "ARN of the role", required=True)
    session_name: str | None = key(text, "name of the role session")


@dataclass(frozen=True, slots=True)
class CredentialsSettings:
    """Credentials to sign requests with; without this section AWS's default chain applies."""

    access_key: str | None = key(text, "access key id")
    secret_key: str | None = key(text, "secret access key", secret=True)
    session_token: str | None = key(text, "session token of temporary keys", secret=True)
    profile: str | None = key(text, "a profile of the AWS files")
    assume_role: AssumeRoleSettings | None = section(AssumeRoleSettings, "a role to assume")

    @property
    def login(self) -> Login:
        """What requests are signed by."""
        role = self.assume_role
        return Login(
            access_key=self.access_key,
            secret_key=self.secret_key,
            token=self.session_token,
            profile=self.profile,
            role_arn=role.arn if role else None,
            role_session=role.session_name if role else None,
        )

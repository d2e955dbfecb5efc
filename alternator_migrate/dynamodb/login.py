"""The credentials that a configuration names."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Login:
    """The credentials that a configuration names; nothing set means the default chain."""

    access_key: str | None = None
    secret_key: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)
    profile: str | None = None
    role_arn: str | None = None
    role_session: str | None = None

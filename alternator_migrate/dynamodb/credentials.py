"""Keys that were found, or not: whether requests can be signed with them, and what to say."""

import re
from typing import Any, Final

from alternator_migrate.core.errors import UsageError

_NAME: Final = re.compile(r"[!-~]+")
_SECRET: Final = re.compile(r"[ -~]+")
_LOCAL: Final = " DynamoDB Local and its like take any: AWS_ACCESS_KEY_ID=x AWS_SECRET_ACCESS_KEY=x"


def check_keys(keys: Any, origin: str) -> None:
    """Raise `UsageError` for botocore's `keys` if no request can be signed with them; they are
    not shown, but where they came from is."""
    for what, value, fits in (
        ("access key", keys.access_key, _NAME),
        ("secret key", keys.secret_key, _SECRET),
        ("session token", keys.token or "none", _NAME),
    ):
        if not isinstance(value, str) or not fits.fullmatch(value):
            raise UsageError(
                f"the {what} from {origin} cannot be one: it must be of ASCII letters, digits and "
                "signs, without spaces and line breaks",
                "Check how it came there: a placeholder, or more than the key itself?",
            )


def no_keys(profile: str | None, *, local: bool) -> UsageError:
    """The error where no credentials are found; `profile` is the AWS profile that is in use,
    `local` says that the server may be one that takes any."""
    if profile is None:
        message = "no AWS credentials were found"
        hint = "Set `credentials`, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile."
    else:
        message = f"the AWS profile {profile!r} has no credentials"
        hint = (
            f"Give it keys with `aws configure --profile {profile}` (or a role, SSO, a "
            "credential_process), or choose another with credentials.profile or AWS_PROFILE."
        )
    return UsageError(message, f"{hint}{_LOCAL}" if local else hint)

"""The error for a table that is absent: where it was looked for, and what is there instead."""

import asyncio
import difflib
from contextlib import suppress
from typing import Final

from alternator_migrate.core.errors import MigrateError, UsageError
from alternator_migrate.dynamodb.table import Table

_SECONDS: Final = 10.0
_PAGES: Final = 10
_INTERNAL: Final = ("_scylla_cdc_log",)
_LOCAL: Final = (
    "DynamoDB Local without -sharedDb has tables of its own for each access key and region: use "
    "those that the table was made with."
)


async def absent(table: Table, role: str, remedy: str = "") -> UsageError:
    """The error for an absent `table` of the source or the target (`role`).

    The server is asked which tables it has, for some seconds at most; where it may not be asked,
    less is said.
    """
    message = f"the {role} table {table.name} does not exist at {table.place}"
    hints = [remedy, f"Check {role}.table, {role}.region, {role}.endpoint and the account."]
    account = table.account
    with suppress(MigrateError, TimeoutError):
        async with asyncio.timeout(_SECONDS):
            names = await account.names(_PAGES)
        hints.insert(0, _nearest(table.name, names))
        if account.is_local:
            hints.append(_LOCAL)
    return UsageError(message, " ".join(filter(None, hints)))


def _nearest(name: str, names: list[str]) -> str:
    """The name that may have been meant."""
    known = {each.lower(): each for each in names if not each.endswith(_INTERNAL)}
    near = difflib.get_close_matches(name.lower(), known, n=1)
    if near:
        return f"Did you mean {known[near[0]]}?"
    return "" if names else "These credentials see no table at all there."

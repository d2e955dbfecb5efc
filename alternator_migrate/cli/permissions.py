"""`permissions`: the rights of a configuration, as a policy or as GRANTs."""

import json
from collections.abc import Sequence
from typing import Final

from alternator_migrate.cli.report import print_out
from alternator_migrate.config import Loaded
from alternator_migrate.connectors import (
    Command,
    grants,
    policy,
    rights_of,
    savepoint_rights,
    usual_commands,
)
from alternator_migrate.core.errors import UsageError

_NONE: Final = "No rights of AWS are needed: an export in files of this machine takes none."


def show(loaded: Loaded, *, commands: Sequence[Command], side: str, cql: bool) -> None:
    """Print the rights that `commands` need. Raises `UsageError` where there are none of the kind
    that is asked for."""
    settings = loaded.settings
    asked = commands or usual_commands(settings)
    rights = [each for each in rights_of(settings, asked) if side in ("both", each.role)]
    wanted = [each for each in rights if each.is_alternator == cql]
    kept = side in ("both", "savepoints") and not cql
    savepoints = savepoint_rights(settings, asked) if kept else None
    if side == "savepoints" and not savepoints:
        raise UsageError(
            "savepoints in a folder need no policy, and no GRANTs",
            "Leave --cql out." if cql else "They do where savepoints.path is s3://BUCKET/PREFIX.",
        )
    if not wanted and not savepoints:
        raise UsageError(
            "no side is an Alternator, which GRANTs are for"
            if cql
            else "IAM policies are for AWS, and this is an Alternator",
            "Leave --cql out." if cql else "Add --cql: its rights are given by GRANTs.",
        )
    lines = (line for each in wanted for line in grants(each))
    if cql:
        print_out("".join(f"{line}\n" for line in lines))
        return
    document = policy(wanted, savepoints)
    if document["Statement"]:
        print_out(json.dumps(document, indent=2) + "\n")
        return
    # IAM refuses a policy without statements
    others = any(each.is_alternator for each in rights)
    print_out(_NONE + (" Those on an Alternator are GRANTs: add --cql." if others else "") + "\n")

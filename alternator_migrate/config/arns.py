"""Tables that are given by their ARN, so that they may be another account's."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

_TABLE: Final = re.compile(
    r"arn:aws[a-z-]*:dynamodb:([a-z0-9-]+):(\d{12}):table/([A-Za-z0-9_.-]{3,255})"
)


@dataclass(frozen=True, slots=True)
class TableArn:
    """The parts of a table's ARN."""

    region: str
    account: str
    name: str


def is_arn(table: str) -> bool:
    """Whether a table is given by an ARN, right or wrong: no name has a colon."""
    return table.startswith("arn:")


def table_arn(table: object) -> TableArn | None:
    """The parts of an ARN; None for a plain name. Raises `ValueError` for an ARN of something
    else."""
    if not isinstance(table, str) or not is_arn(table):
        return None
    found = _TABLE.fullmatch(table)
    if found is None:
        raise ValueError(
            f"must be a table's name, or its ARN arn:aws:dynamodb:REGION:ACCOUNT:table/NAME, "
            f"not {table!r}"
        )
    return TableArn(*found.groups())


def implied(values: Mapping[str, Any]) -> dict[str, str]:
    """The values that ARNs in a configuration's plain values imply for keys that are not given, by
    the paths of these: the regions, and the target's name."""
    both = {name: values.get(name) for name in ("source", "target")}
    sides = {name: side for name, side in both.items() if isinstance(side, dict)}
    found: dict[str, str] = {}
    for name, side in sides.items():
        try:
            arn = table_arn(side.get("table"))
        except ValueError:
            continue
        if arn is None:
            continue
        if side.get("region") is None:
            found[f"{name}.region"] = arn.region
        if name == "source" and "target" in sides and sides["target"].get("table") is None:
            found["target.table"] = arn.name
    return found

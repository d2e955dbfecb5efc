"""Plans of target tables, and the dialects that they are made for."""

from collections.abc import Mapping
from typing import Literal

import pytest

from alternator_migrate.connectors.target_table import TargetPlan, plan_target
from alternator_migrate.dynamodb.dialect import ALTERNATOR, DYNAMODB, Dialect
from alternator_migrate.dynamodb.table_schema import TableState

BOTH = pytest.mark.parametrize("dialect", [ALTERNATOR, DYNAMODB], ids=lambda each: each.name)


def planned(
    source: TableState,
    dialect: Dialect = ALTERNATOR,
    *,
    name: str = "Example",
    renames: Mapping[str, str] | None = None,
    billing_mode: str | None = None,
    copy_ttl: bool = True,
    copy_tags: bool = True,
    extra_tags: Mapping[str, str] | None = None,
    indexes: Literal["before", "after", "skip"] = "before",
) -> TargetPlan:
    """The plan for `source`, everything else as it is by default."""
    return plan_target(
        source,
        dialect,
        name=name,
        renames=renames or {},
        billing_mode=billing_mode,
        copy_ttl=copy_ttl,
        copy_tags=copy_tags,
        extra_tags=extra_tags or {},
        indexes=indexes,
    )

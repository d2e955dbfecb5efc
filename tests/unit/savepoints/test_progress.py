"""What a savepoint tells of its source and its target, where these are no tables."""

from typing import Any

import pytest

from alternator_migrate.savepoints.format import Savepoint
from alternator_migrate.savepoints.progress import progress_of

EXPORT = {"type": "dynamodb-s3-export"}
TABLE = {"type": "alternator", "table": "Orders"}


@pytest.mark.parametrize(
    ("source", "target", "target_id", "told"),
    [
        (TABLE, TABLE, "an id", ("Orders", "Orders")),
        (TABLE, {**EXPORT, "path": "out"}, "", ("Orders", "out")),
        (TABLE, {**EXPORT, "path": "out"}, "out/1", ("Orders", "out/1")),
        (TABLE, {**EXPORT, "bucket": "b"}, "", ("Orders", "s3://b")),
        (
            TABLE,
            {**EXPORT, "s3Export": {"bucket": "b", "prefix": "/p"}},
            "",
            ("Orders", "s3://b/p"),
        ),
        ({**EXPORT, "manifestKey": "a/1"}, TABLE, "", ("a/1", "Orders")),
        ({**EXPORT, "manifestKeys": ["a/1", "a/2"]}, TABLE, "", ("a/1, a/2", "Orders")),
        ({**EXPORT, "manifestKey": "a/1", "table": "Old"}, TABLE, "", ("Old", "Orders")),
    ],
    ids=str,
)
def test_places_are_told_where_there_is_no_table(
    source: dict[str, Any], target: dict[str, Any], target_id: str, told: tuple[str, str]
) -> None:
    configuration = {"source": source, "target": target}
    progress = progress_of(Savepoint(configuration, "m", "s", 4, "", target_id))
    assert (progress.source, progress.target) == told

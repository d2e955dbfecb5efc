"""The export of a live table that is copied in place of a scan, as a configuration asks for it."""

from typing import Any

import pytest

from alternator_migrate.config.identity import export_identity
from alternator_migrate.config.table_export_settings import TableExportSettings
from tests.support.configs import ALTERNATOR_SOURCE, TEXT, changed, loaded, paths, refused

ARN = "arn:aws:dynamodb:eu-west-1:111122223333:table/From/export/01693685827463-2d8752fd"
THERE = {"arn": ARN}


def export(text: str = TEXT, **keys: Any) -> str:
    return changed("source.export", keys, text)


def settings(**keys: Any) -> TableExportSettings:
    found = loaded(export(**keys))[0].source.export
    assert found
    return found


def wrong(text: str) -> set[str]:
    return {path.removeprefix("source.export.") for path in paths(refused(text).mistakes)}


def test_a_bucket_is_enough() -> None:
    found = settings(bucket="my-bucket")
    assert (found.bucket, found.format, found.margin_seconds) == (
        *("my-bucket", "DYNAMODB_JSON"),
        120.0,
    )
    assert not found.is_there
    assert settings(bucket="b-1", bucketOwner=111122223333).bucket_owner == "111122223333"
    assert settings(bucket="b-1", format="ION").format == "ION"


@pytest.mark.parametrize(
    ("written", "moment"),
    [
        ("2026-01-31T06:00:00Z", 1769839200.0),
        ("2026-01-31T08:00:00+02:00", 1769839200.0),
        ("2026-01-31 06:00:00.5", 1769839200.5),
    ],
)
def test_moments(written: str, moment: float) -> None:
    assert settings(bucket="b-1", exportTime=written).export_time == moment


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"prefix": "p"}, {"bucket"}),
        ({"bucket": "b"}, {"bucket"}),
        ({"bucket": "b-1", "exportTime": "yesterday"}, {"exportTime"}),
        ({"bucket": "b-1", "bucketOwner": "me"}, {"bucketOwner"}),
        ({"bucket": "b-1", "format": "CSV"}, {"format"}),
        ({"bucket": "b-1", "marginSeconds": -1}, {"marginSeconds"}),
        ({"arn": ARN.partition("/export")[0]}, {"arn"}),
        ({**THERE, "manifestKeys": ["a"]}, {"arn"}),
        ({**THERE, "kmsKeyId": "k", "exportTime": "2026-01-31"}, {"kmsKeyId", "exportTime"}),
        ({"bucket": "b-1", "credentials": {"accessKey": "a"}}, {"credentials"}),
        ({"bucket": "b-1", "endpoint": {"port": 1}}, {"endpoint"}),
        ({"bucket": "b-1", "manifestKey": "a"}, {"manifestKey"}),
    ],
)
def test_what_is_wrong_is_told(keys: dict[str, Any], told: set[str]) -> None:
    assert wrong(export(**keys)) == told


def test_what_does_not_go_with_it_is_told() -> None:
    given = {"bucket": "b-1"}
    assert wrong(export(ALTERNATOR_SOURCE, **given)) == {"source.export"}
    assert wrong(changed("source.scanSegments", 4, export(**given))) == {"source.scanSegments"}
    target = {"type": "dynamodb-s3-export", "path": "s3://b-1"}
    assert wrong(changed("target", target, export(**given))) == {"source.export"}
    many = changed("tables", {"include": ["a*"]}, export(**THERE))
    assert "source.export" in wrong(many)


def test_an_export_and_its_place_tell_one_from_another() -> None:
    one = settings(bucket="b-1", prefix="p")
    assert export_identity(one) == export_identity(settings(bucket="b-1", prefix="p", region="x"))
    others = ({"prefix": "q"}, {"format": "ION"}, {"exportTime": "2026-01-31"}, {"kmsKeyId": "k"})
    for other in others:
        given = {"bucket": "b-1", "prefix": "p", **other}
        assert export_identity(settings(**given)) != export_identity(one)

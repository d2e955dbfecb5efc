"""A table given by its ARN: what follows from it, and what does not go with it."""

import pytest

from alternator_migrate.config.loading import load
from alternator_migrate.config.settings import Settings
from tests.support.configs import TEXT, changed, line_of, loaded, mistake

ARN = "arn:aws:dynamodb:ap-south-1:123456789012:table/Orders.v-2"


def bare(text: str, *lines: str) -> str:
    """A configuration without some of its lines."""
    return "".join(line for line in text.splitlines(True) if line.strip() not in lines)


BY_ARN = bare(changed("source.table", ARN), "region: eu-west-1", "table: To")


def places(settings: Settings) -> tuple[str, str | None, str, str]:
    """Table, region and name of the source, and the target's table."""
    source = settings.source
    return source.table, source.region, source.name, settings.target.table


def test_region_and_target_follow_from_it() -> None:
    settings, warnings = loaded(BY_ARN)
    assert places(settings) == (ARN, "ap-south-1", "Orders.v-2", "Orders.v-2")
    assert warnings == []


def test_a_target_table_that_is_given_stays() -> None:
    settings, _ = loaded(changed("target.table", "Mine", BY_ARN))
    assert places(settings) == (ARN, "ap-south-1", "Orders.v-2", "Mine")


def test_a_variable_may_hold_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AM_ARN", ARN)
    settings, _ = loaded(changed("source.table", "${AM_ARN}", BY_ARN))
    assert places(settings) == (ARN, "ap-south-1", "Orders.v-2", "Orders.v-2")


def test_flags_alone() -> None:
    flags = {
        "source.type": ("--table", "dynamodb"),
        "target.type": ("--table", "alternator"),
        "source.table": ("--table", ARN),
        "target.endpoint.url": ("--target-endpoint", "http://scylla:8000"),
    }
    found = load(None, flags)
    assert places(found.settings) == (ARN, "ap-south-1", "Orders.v-2", "Orders.v-2")
    assert found.plain["target"]["table"] == "Orders.v-2", "a savepoint says it in full"


def test_other_partitions() -> None:
    arn = ARN.replace("arn:aws:", "arn:aws-cn:").replace("ap-south-1", "cn-north-1")
    assert loaded(changed("source.table", arn, BY_ARN))[0].source.region == "cn-north-1"


def test_a_target_by_its_arn() -> None:
    text = changed("target", {"type": "dynamodb", "table": ARN})
    target = loaded(text)[0].target
    assert (target.table, target.name, target.region) == (ARN, "Orders.v-2", "ap-south-1")


@pytest.mark.parametrize(
    "arn",
    [
        f"{ARN}/stream/2026-01-01T00:00:00.000",
        f"{ARN}/index/By",
        "arn:aws:s3:::bucket",
        "arn:aws:dynamodb:ap-south-1:1:table/Orders",
        "arn:aws:dynamodb:ap-south-1:123456789012:Orders",
        "arn:",
    ],
)
def test_an_arn_of_something_else(arn: str) -> None:
    text = changed("source.table", arn)
    found = mistake(text)
    assert (found.path, found.place) == ("source.table", line_of(text, "source.table"))
    assert "table/NAME" in found.message


def test_another_region_beside_it() -> None:
    text = changed("source.table", ARN)
    found = mistake(text)
    assert (found.path, found.place) == ("source.region", line_of(text, "source.region"))
    assert "ap-south-1" in found.message


def test_an_alternator_knows_no_arns() -> None:
    found = mistake(changed("target.table", ARN, TEXT), "target.region=ap-south-1")
    assert found.path == "target.table"
    assert "Orders.v-2" in found.message


@pytest.mark.parametrize(
    ("own", "same"),
    [
        ({}, True),
        ({"credentials": {"profile": "a"}}, False),
        ({"credentials": {"accessKey": "a", "secretKey": "s"}}, False),
    ],
)
def test_one_name_in_two_accounts_may_be_two_tables(own: dict[str, object], same: bool) -> None:
    place = {"type": "dynamodb", "table": "From", "region": "eu-west-1"}
    text = changed("target", {**place, **own})
    if same:
        assert "same table" in mistake(text).message
    else:
        assert loaded(text)[0].target.table == "From"


@pytest.mark.parametrize("path", ["source.endpoint.host", "target.endpoint.url"])
def test_an_underscore_in_a_host_name_is_named(path: str) -> None:
    found = mistake(changed(path, "http://dynamodb_local:8000"))
    assert found.path == path
    assert "_ in its host name" in found.message


@pytest.mark.parametrize("path", ["source.endpoint.host", "target.endpoint.url"])
@pytest.mark.parametrize(
    "host",
    [
        "data\nbase:8000",
        "database:8000\n",
        "database:80\t00",
        "database:8000\r\nX-A: 1",
        "\u212a:80",
    ],
)
def test_what_no_request_can_hold_is_no_host_name(path: str, host: str) -> None:
    found = mistake(changed(path, f"http://{host}"))
    assert found.path == path
    assert "must be like http://host:8000" in found.message

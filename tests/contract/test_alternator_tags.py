"""TagResource, UntagResource, ListTagsOfResource, and tags at creation."""

import pytest

from tests.contract.conftest import Client, Item, schema

INVALID = (400, "ValidationException")


def tags(**named: str) -> list[Item]:
    """Tags as requests list them."""
    return [{"Key": key, "Value": value} for key, value in named.items()]


async def listed(alternator: Client, arn: str) -> dict[str, str]:
    """ListTagsOfResource as a dict."""
    answer = (await alternator.call("ListTagsOfResource", {"ResourceArn": arn})).body
    return {tag["Key"]: tag["Value"] for tag in answer["Tags"]}


async def test_tag_and_untag_have_nothing_to_say(alternator: Client) -> None:
    arn = {"ResourceArn": await alternator.arn(await alternator.table(Tags=tags(a="1")))}
    tagged = await alternator.call("TagResource", {**arn, "Tags": tags(b="2", c="3")})
    untagged = await alternator.call("UntagResource", {**arn, "TagKeys": ["a", "none"]})
    assert tagged.status == untagged.status == 200
    for answer in (tagged, untagged):
        assert (answer.raw == b"") in alternator.either(current=True, old=False)
    assert await listed(alternator, arn["ResourceArn"]) == {"b": "2", "c": "3"}


async def test_a_tag_without_a_value(alternator: Client) -> None:
    arn = await alternator.arn(await alternator.table())
    answer = await alternator.call("TagResource", {"ResourceArn": arn, "Tags": tags(a="")})
    found = "" if answer.status == 200 else answer.error[2]
    assert found in alternator.either("", "The Tag Value provided is invalid string")
    assert await listed(alternator, arn) == ({} if found else {"a": ""})


@pytest.mark.parametrize(
    ("tag", "message"),
    [
        ({"Key": "a@b", "Value": ""}, "A tag Key can only contain letters, spaces, and [+-=._:/]"),
        ({"Key": "é", "Value": ""}, "A tag Key can only contain letters, spaces, and [+-=._:/]"),
        (
            {"Key": "a", "Value": "(x)"},
            "A tag Value can only contain letters, spaces, and [+-=._:/]",
        ),
        ({"Key": "k" * 129, "Value": ""}, "A tag Key is limited to 128 characters"),
        ({"Key": "k", "Value": "v" * 257}, "A tag Value is limited to 256 characters"),
        ({"Key": "system:own", "Value": ""}, "Tag key 'system:own' is reserved for internal use"),
    ],
)
async def test_a_bad_tag_makes_no_table(alternator: Client, tag: Item, message: str) -> None:
    await alternator.skip_if_old()
    table = alternator.name()
    body = {"TableName": table, **schema("id:S"), "Tags": [tag]}
    assert (await alternator.call("CreateTable", body)).error == (*INVALID, message)
    assert (await alternator.call("DescribeTable", {"TableName": table})).status == 400


@pytest.mark.parametrize("key", ["aws:mine", "with spaces +-=._:/"])
async def test_keys_that_are_fine(alternator: Client, key: str) -> None:
    arn = await alternator.arn(await alternator.table(Tags=tags(**{key: "1"})))
    assert await listed(alternator, arn) == {key: "1"}


async def test_write_isolation_is_a_tag_that_is_listed(alternator: Client) -> None:
    isolation = {"system:write_isolation": "always_use_lwt"}
    arn = await alternator.arn(await alternator.table(Tags=tags(**isolation)))
    assert await listed(alternator, arn) == isolation


async def test_write_isolation_has_its_values(alternator: Client) -> None:
    arn = await alternator.arn(await alternator.table())
    bad = {"ResourceArn": arn, "Tags": tags(**{"system:write_isolation": "no"})}
    status, kind, message = (await alternator.call("TagResource", bad)).error
    assert (status, kind) == INVALID
    assert message.startswith("Incorrect write isolation tag no. Allowed values: {")


async def test_internal_tags_count_but_are_not_listed(alternator: Client) -> None:
    await alternator.skip_if_old()
    arn = await alternator.arn(await alternator.table())
    fifty = {"ResourceArn": arn, "Tags": tags(**{f"k{n}": "v" for n in range(50)})}
    expected = "Number of Tags exceed the current limit for the provided ResourceArn"
    assert (await alternator.call("TagResource", fifty)).error == (*INVALID, expected)
    assert await listed(alternator, arn) == {}


@pytest.mark.parametrize(
    ("arn", "kind", "message"),
    [
        ("nothing", "AccessDeniedException", "Incorrect resource identifier"),
        (
            "arn:scylla:alternator:alternator_no:scylla:table/no",
            "ResourceNotFoundException",
            "ResourceArn: Invalid table ARN `arn:scylla:alternator:alternator_no:scylla:table/no`"
            " - not found",
        ),
    ],
)
async def test_arns(alternator: Client, arn: str, kind: str, message: str) -> None:
    await alternator.skip_if_old()
    status, found, text = (await alternator.call("ListTagsOfResource", {"ResourceArn": arn})).error
    assert (status, found) == (400, kind)
    assert kind == "AccessDeniedException" or text == message


async def test_arns_of_aws_are_refused(alternator: Client) -> None:
    arn = "arn:aws:dynamodb:us-east-1:123456789012:table/orders"
    answer = await alternator.call("ListTagsOfResource", {"ResourceArn": arn})
    assert answer.status == 400
    assert answer.error[1] in {"ValidationException", "AccessDeniedException"}

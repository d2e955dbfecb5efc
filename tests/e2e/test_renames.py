"""Attributes that get another name, keys and the TTL attribute among them."""

from tests.servers.client import Item, create_table, fill
from tests.servers.proxy import FaultProxy
from tests.standin import StandIn
from tests.support.jobs import Command, Migrate, alternator, dynamodb, job
from tests.support.shapes import same_items
from tests.support.tables import KEYS, changes, definitions, enable_ttl, index

RENAMES = [
    {"from": "pk", "to": "id"},
    {"from": "sk", "to": "nr"},
    {"from": "expires", "to": "gone at"},
    {"from": "city", "to": "tøwn"},
]
FUTURE = "4102444800"


async def test_keys_index_keys_and_ttl(
    dynamodb_local: str, standin: StandIn, table_name: str, migrate: Migrate
) -> None:
    items: list[Item] = [
        {
            "pk": {"S": f"p{n}"},
            "sk": {"N": str(n)},
            "city": {"S": "c"},
            "expires": {"N": FUTURE},
            "m": {"M": {"pk": {"S": "an inner name stays"}}},
        }
        for n in range(40)
    ]
    await create_table(
        dynamodb_local,
        table_name,
        KEYS,
        AttributeDefinitions=definitions(pk="S", sk="N", city="S"),
        GlobalSecondaryIndexes=[index("by-city", "city sk")],
    )
    await fill(dynamodb_local, table_name, items)
    await enable_ttl(dynamodb_local, table_name, "expires")
    async with FaultProxy(dynamodb_local, page_limit=7) as proxy:
        source = dynamodb(proxy.url, table_name, scanSegments=2)
        ending = await migrate(job(source, alternator(standin.url, table_name), renames=RENAMES))
    names = {rename["from"]: rename["to"] for rename in RENAMES}
    renamed = [{names.get(name, name): value for name, value in it.items()} for it in items]
    assert ending.done.items.written == 40
    assert same_items(standin.items(table_name), renamed)
    table = standin.table(table_name)
    assert [column.name for column in table.columns] == ["id", "nr"]
    assert [column.name for column in table.indexes["by-city"].columns] == ["tøwn", "nr"]
    assert table.ttl == "gone at"


async def test_two_attributes_change_places(
    dynamodb_local: str, standin: StandIn, table_name: str, migrate: Migrate
) -> None:
    items: list[Item] = [
        {"pk": {"S": "both"}, "a": {"S": "1"}, "b": {"N": "2"}},
        {"pk": {"S": "first"}, "a": {"S": "1"}},
        {"pk": {"S": "second"}, "b": {"N": "2"}},
        {"pk": {"S": "none"}},
    ]
    await create_table(dynamodb_local, table_name)
    await fill(dynamodb_local, table_name, items)
    renames = [{"from": "a", "to": "b"}, {"from": "b", "to": "a"}]
    source, target = dynamodb(dynamodb_local, table_name), alternator(standin.url, table_name)
    ending = await migrate(job(source, target, renames=renames))
    assert ending.done.items.written == 4
    assert same_items(
        standin.items(table_name),
        [
            {"pk": {"S": "both"}, "b": {"S": "1"}, "a": {"N": "2"}},
            {"pk": {"S": "first"}, "b": {"S": "1"}},
            {"pk": {"S": "second"}, "a": {"N": "2"}},
            {"pk": {"S": "none"}},
        ],
    )


async def test_a_filter_and_the_expiry_rule_use_the_names_of_the_source(
    dynamodb_local: str, standin: StandIn, table_name: str, migrate: Migrate
) -> None:
    items: list[Item] = [
        {"pk": {"S": f"p{n}"}, "a": {"N": str(n)}, "expires": {"N": FUTURE}} for n in range(10)
    ]
    await create_table(dynamodb_local, table_name)
    await fill(dynamodb_local, table_name, items)
    await enable_ttl(dynamodb_local, table_name, "expires")
    wanted = {"expression": "#a < :most", "names": {"#a": "a"}, "values": {":most": {"N": "4"}}}
    source = dynamodb(dynamodb_local, table_name, filter=wanted)
    renames = [{"from": "a", "to": "b"}, {"from": "expires", "to": "until"}]
    target = alternator(standin.url, table_name)
    ending = await migrate(job(source, target, renames=renames))
    assert ending.done.items.read == ending.done.items.written == 4
    assert {item["b"]["N"] for item in standin.items(table_name)} == set("0123")
    assert standin.table(table_name).ttl == "until"


async def test_two_attributes_of_an_item_cannot_get_one_name(
    dynamodb_local: str, standin: StandIn, table_name: str, command: Command
) -> None:
    items: list[Item] = [{"pk": {"S": "both"}, "a": {"S": "1"}, "b": {"N": "2"}}]
    await create_table(dynamodb_local, table_name)
    await fill(dynamodb_local, table_name, items)
    source, target = dynamodb(dynamodb_local, table_name), alternator(standin.url, table_name)
    report = await command(job(source, target, renames=[{"from": "a", "to": "b"}]))
    assert report.code == 1
    assert "Traceback" not in report.err
    assert "both" in report.err, "the item must be named"
    assert report.summary["status"] == "failed"
    assert standin.items(table_name) == []


async def test_a_name_of_a_key_is_not_given_to_another_attribute(
    dynamodb_local: str, standin: StandIn, table_name: str, migrate: Migrate
) -> None:
    await create_table(dynamodb_local, table_name)
    await fill(dynamodb_local, table_name, [{"pk": {"S": "p"}, "a": {"S": "1"}}])
    source, target = dynamodb(dynamodb_local, table_name), alternator(standin.url, table_name)
    ending = await migrate(job(source, target, renames=[{"from": "a", "to": "pk"}]))
    assert ending.failure.exit_code == 2, "it can be known before anything is written"
    assert changes(standin) == []

"""An Alternator behind `type: dynamodb` is recognised by /localnodes."""

from tests.servers.client import Item, create_table, fill
from tests.servers.proxy import FaultProxy
from tests.standin import StandIn
from tests.support.jobs import Migrate, alternator, dynamodb, job

ITEMS: list[Item] = [{"pk": {"S": f"item {n}"}} for n in range(150)]


async def test_as_target_it_gets_long_batches_and_is_asked_for_no_capacity(
    dynamodb_local: str, standin: StandIn, table_name: str, migrate: Migrate
) -> None:
    await create_table(dynamodb_local, table_name)
    await fill(dynamodb_local, table_name, ITEMS)
    source = dynamodb(dynamodb_local, table_name, scanSegments=1)
    target = dynamodb(standin.url, table_name, writeThroughput=10_000)
    assert (await migrate(job(source, target))).done.items.written == 150
    bodies = [body for name, body in standin.log if name == "BatchWriteItem"]
    assert sorted(len(body["RequestItems"][table_name]) for body in bodies) == [50, 100]
    assert not any("ReturnConsumedCapacity" in body for body in bodies)


async def test_as_source_it_is_asked_for_no_capacity(
    standin: StandIn, table_name: str, migrate: Migrate
) -> None:
    await create_table(standin.url, table_name)
    await fill(standin.url, table_name, ITEMS)
    source = dynamodb(standin.url, table_name, scanSegments=3, readThroughput=10_000)
    async with StandIn() as target:
        done = (await migrate(job(source, alternator(target.url, table_name)))).done
    assert done.items.written == 150
    scans = [body for name, body in standin.log if name == "Scan"]
    assert len(scans) >= 3
    assert not any("ReturnConsumedCapacity" in body for body in scans)


async def test_the_table_is_made_as_an_alternator_takes_it(
    dynamodb_local: str, standin: StandIn, table_name: str, migrate: Migrate
) -> None:
    projection = {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["a"]}
    await create_table(
        dynamodb_local,
        table_name,
        AttributeDefinitions=[
            {"AttributeName": "pk", "AttributeType": "S"},
            {"AttributeName": "city", "AttributeType": "S"},
        ],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "by-city",
                "KeySchema": [{"AttributeName": "city", "KeyType": "HASH"}],
                "Projection": projection,
            }
        ],
    )
    source = dynamodb(dynamodb_local, table_name)
    assert (await migrate(job(source, dynamodb(standin.url, table_name)))).done
    (created,) = [body for name, body in standin.log if name == "CreateTable"]
    (made,) = created["GlobalSecondaryIndexes"]
    assert made["Projection"] == {"ProjectionType": "ALL"}


async def test_dynamodb_is_not_taken_for_one(
    dynamodb_local: str, standin: StandIn, table_name: str, migrate: Migrate
) -> None:
    await create_table(standin.url, table_name)
    await fill(standin.url, table_name, ITEMS)
    async with FaultProxy(dynamodb_local, capacity=True, record=True) as proxy:
        source = alternator(standin.url, table_name, scanSegments=1)
        target = dynamodb(proxy.url, table_name, writeThroughput=10_000)
        assert (await migrate(job(source, target))).done.items.written == 150
        bodies = [each.json() for each in proxy.log if each.operation == "BatchWriteItem"]
    assert {body["ReturnConsumedCapacity"] for body in bodies} == {"TOTAL"}
    assert max(len(body["RequestItems"][table_name]) for body in bodies) == 25

"""Exports to S3 as the source of a migration: from files, and from a bucket."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.servers.client import Item, create_table
from tests.servers.guarded import EITHER
from tests.standin import StandIn
from tests.support import exports
from tests.support.exports import Export, bucket_source, full, source
from tests.support.jobs import Command, Migrate, alternator, job, standin_side
from tests.support.names import unique_name
from tests.support.shapes import same_items
from tests.support.tables import definitions, enable_ttl, index

ROWS: list[Item] = [
    {"pk": {"S": f"item {n}"}, "n": {"N": str(n)}, "t": {"S": "ä\n" * 20}} for n in range(300)
]


async def from_files(
    folder: Path, standin: StandIn, table: str, migrate: Migrate, export: Export, **more: Any
) -> Any:
    exports.write(folder / "s3", export.objects())
    given = source(folder / "s3" / export.manifest, **more)
    return await migrate(job(given, standin_side(standin, table)))


SHAPES: dict[str, dict[str, Any]] = {
    "plain": {},
    "several gzip members": {"zipped": exports.members},
    "padded": {"zipped": exports.padded},
    "no newline at the end": {"end": b""},
    "blank lines": {"end": b"\n\n \n"},
    "no checksum files": {"checksums": False},
    "keys relative to the manifest": {"relative": True},
    "moved": {"written_prefix": "elsewhere/of/old/"},
    "no prefix": {"prefix": ""},
    "in Ion": {"ion": True},
}


@EITHER
@pytest.mark.parametrize("shape", SHAPES)
async def test_every_shape_of_a_whole_export_arrives(
    tmp_path: Path, standin: StandIn, table_name: str, migrate: Migrate, shape: str
) -> None:
    export = full(ROWS, **SHAPES[shape])
    ending = await from_files(tmp_path, standin, table_name, migrate, export)
    assert ending.done.items.written == ending.done.items.read == len(ROWS)
    assert ending.done.expected == len(ROWS)
    assert ending.done.segments_total == 3, "the file without items is no segment"
    assert same_items(standin.items(table_name), ROWS)


async def test_an_export_without_items_makes_the_table(
    tmp_path: Path, standin: StandIn, table_name: str, migrate: Migrate
) -> None:
    ending = await from_files(tmp_path, standin, table_name, migrate, full([], files=0, empty=4))
    assert ending.done.items.read == 0
    assert standin.items(table_name) == []


async def test_a_folder_copied_by_itself_is_read(
    tmp_path: Path, standin: StandIn, table_name: str, migrate: Migrate
) -> None:
    export = full(ROWS)
    exports.write(tmp_path / "s3", export.objects())
    (tmp_path / "s3" / export.folder).rename(tmp_path / "copy")
    given = source(f"file://{tmp_path}/copy")
    ending = await migrate(job(given, alternator(standin.url, table_name)))
    assert ending.done.items.written == len(ROWS)


def broken(change: Callable[[Export, dict[str, bytes]], object]) -> dict[str, bytes]:
    """The objects of an export, changed."""
    export = full(ROWS)
    objects = export.objects()
    change(export, objects)
    return objects


def other_lines(export: Export, objects: dict[str, bytes]) -> None:
    text = exports.inflated(objects[export.data[0]])
    objects[export.data[0]] = gzip.compress(text.replace(b"item 0", b"item X"))


def fewer_lines(export: Export, objects: dict[str, bytes]) -> None:
    listed = objects[f"{export.folder}manifest-files.json"].replace(b'"itemCount":100', b'"x":0', 1)
    lines = [json.loads(line) for line in listed.splitlines()]
    lines[0] |= {"itemCount": 100, "md5Checksum": None}
    text = exports.inflated(objects[export.data[0]])
    objects[export.data[0]] = gzip.compress(b"\n".join(text.split(b"\n")[:99]))
    key = f"{export.folder}manifest-files.json"
    objects[key] = b"".join(exports.dumped(line) + b"\n" for line in lines)
    del objects[key.removesuffix(".json") + ".md5"]


def cut(export: Export, objects: dict[str, bytes]) -> None:
    objects[export.data[0]] = objects[export.data[0]][:-30]


def no_gzip(export: Export, objects: dict[str, bytes]) -> None:
    objects[export.data[0]] = exports.inflated(objects[export.data[0]])


def no_record(export: Export, objects: dict[str, bytes]) -> None:
    text = exports.inflated(objects[export.data[0]])
    objects[export.data[0]] = gzip.compress(text + b'{"Item":{"pk":\n')


DAMAGE = {
    "the MD5 of its": other_lines,
    "it has 99 records, and the manifest says 100": fewer_lines,
    "truncated": cut,
    "it is no gzip": no_gzip,
    "its record 101 is none": no_record,
}


@pytest.mark.parametrize("words", DAMAGE)
async def test_a_damaged_data_file_ends_the_run_with_its_name(
    tmp_path: Path, standin: StandIn, table_name: str, migrate: Migrate, words: str
) -> None:
    objects = broken(DAMAGE[words])
    exports.write(tmp_path / "s3", objects)
    export = full(ROWS)
    given = source(tmp_path / "s3" / export.manifest)
    ending = await migrate(job(given, alternator(standin.url, table_name)))
    told = str(ending.failure)
    assert words in told
    assert export.data[0] in told
    assert ending.failure.exit_code == 1
    assert ending.progress is not None
    assert ending.progress.segments_done < 3


def wrong_count(export: Export, objects: dict[str, bytes]) -> None:
    key = export.manifest
    objects[key] = objects[key].replace(b'"itemCount":300', b'"itemCount":301')
    del objects[key.removesuffix(".json") + ".md5"]


def wrong_md5(export: Export, objects: dict[str, bytes]) -> None:
    objects[export.manifest] += b" "


REFUSED: dict[str, Callable[[Export, dict[str, bytes]], object]] = {
    "no export can be read": lambda export, objects: objects.pop(export.manifest),
    "the list of the export's data files is at none of": lambda export, objects: objects.pop(
        f"{export.folder}manifest-files.json"
    ),
    "data files of 300 items, and the summary says 301": wrong_count,
    "is damaged: its MD5 is": wrong_md5,
    "is not the summary of an export": lambda export, objects: objects.update(
        {export.manifest: b"<html>", export.manifest.replace(".json", ".md5"): b""}
    ),
    f"{full(ROWS).data[0]} is at none of": lambda export, objects: objects.pop(export.data[0]),
}


@pytest.mark.parametrize("words", REFUSED)
async def test_an_export_that_is_not_whole_is_refused_before_anything_is_written(
    tmp_path: Path, standin: StandIn, table_name: str, migrate: Migrate, words: str
) -> None:
    exports.write(tmp_path / "s3", broken(REFUSED[words]))
    given = source(tmp_path / "s3" / full(ROWS).manifest)
    ending = await migrate(job(given, alternator(standin.url, table_name)))
    assert words in str(ending.failure)
    assert ending.failure.exit_code == 2
    assert table_name not in standin.store.tables


async def test_a_data_file_that_is_missing_in_the_middle_is_named(
    tmp_path: Path, standin: StandIn, table_name: str, migrate: Migrate
) -> None:
    exports.write(tmp_path / "s3", broken(lambda export, objects: objects.pop(export.data[2])))
    given = source(tmp_path / "s3" / full(ROWS).manifest)
    ending = await migrate(job(given, alternator(standin.url, table_name)))
    assert f"{full(ROWS).data[2]} does not exist" in str(ending.failure)


async def test_keys_that_an_export_tells_and_no_table_has_are_refused(
    tmp_path: Path, standin: StandIn, table_name: str, migrate: Migrate
) -> None:
    told = {
        "tableKeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
        "tableAttributeDefinitions": [{"AttributeName": "other", "AttributeType": "S"}],
    }
    export = full(ROWS[:9], summary=told)
    exports.write(tmp_path, export.objects())
    given = source(str(tmp_path / export.manifest))
    del given["tableDescription"]
    failure = (await migrate(job(given, alternator(standin.url, table_name)))).failure
    assert failure.exit_code == 2
    assert "does not say the type of 'pk'" in str(failure)
    assert "source.tableDescription" in str(failure)


async def test_a_name_that_no_file_can_have_is_one_of_a_file_that_is_not_there(
    tmp_path: Path, standin: StandIn, table_name: str, migrate: Migrate
) -> None:
    export = full(ROWS[:9], files=1)
    listed = f"{export.folder}manifest-files.json"
    objects = export.objects()
    objects[listed] = objects[listed].replace(b".json.gz", b"x" * 300)
    for end in (".md5", ".checksum"):
        objects.pop(listed.removesuffix(".json") + end, None)
    exports.write(tmp_path, objects)
    given = source(str(tmp_path / export.manifest))
    failure = (await migrate(job(given, alternator(standin.url, table_name)))).failure
    assert (failure.exit_code, "is at none of" in str(failure)) == (2, True), failure


async def test_the_keys_come_from_an_existing_target(
    tmp_path: Path, standin: StandIn, table_name: str, command: Command
) -> None:
    export = full(ROWS)
    exports.write(tmp_path / "s3", export.objects())
    given = source(tmp_path / "s3" / export.manifest)
    target = alternator(standin.url, table_name)
    assert (await command(job(given, target))).code == 0
    del given["tableDescription"]
    again = await command(job(given, target), "--fresh", "--into-existing")
    assert again.code == 0, again.err
    gone = await command(job(given, alternator(standin.url, f"{table_name}2")))
    assert gone.code == 2
    assert "an export does not tell the keys of its table" in gone.err


async def test_the_live_table_describes_the_exported_one(
    tmp_path: Path, dynamodb_local: str, standin: StandIn, table_name: str, migrate: Migrate
) -> None:
    live = unique_name("live")
    await create_table(
        dynamodb_local,
        live,
        AttributeDefinitions=definitions(pk="S", city="S"),
        GlobalSecondaryIndexes=[index("by-city", "city")],
    )
    await enable_ttl(dynamodb_local, live, "expires")
    export = full(ROWS)
    exports.write(tmp_path / "s3", export.objects())
    given = source(
        tmp_path / "s3" / export.manifest,
        tableDescription={"fromTable": {"table": live, "url": dynamodb_local}},
        credentials={"accessKey": "local", "secretKey": "local"},
        region="us-east-1",
    )
    ending = await migrate(job(given, alternator(standin.url, table_name)))
    assert ending.done.items.written == len(ROWS)
    table = standin.table(table_name)
    assert (list(table.indexes), table.ttl) == (["by-city"], "expires")
    assert ending.done.source == "Example", (
        "the table that was exported, not the one that describes"
    )


async def test_a_filter_expired_items_and_renames_apply(
    tmp_path: Path, standin: StandIn, table_name: str, migrate: Migrate
) -> None:
    rows: list[Item] = [
        {**row, "ttl": {"N": "1700000000" if n % 3 == 0 else "4102444800"}}
        for n, row in enumerate(ROWS)
    ]
    export = full(rows)
    exports.write(tmp_path / "s3", export.objects())
    description = {**exports.DESCRIPTION, "ttlAttribute": "ttl"}
    given = source(
        tmp_path / "s3" / export.manifest,
        tableDescription=description,
        filter={"expression": "n < :n", "values": {":n": 150}},
    )
    renames = [{"from": "pk", "to": "id"}]
    content = job(given, alternator(standin.url, table_name), renames=renames)
    ending = await migrate(content)
    counts = ending.done.items
    assert (counts.read, counts.written, counts.skipped_expired) == (150, 100, 50)
    assert standin.table(table_name).ttl == "ttl"
    assert {item["id"]["S"] for item in standin.items(table_name)} == {
        f"item {n}" for n in range(150) if n % 3
    }


async def test_a_configuration_of_scylladb_migrator_copies_from_a_bucket(
    tmp_path: Path, moto_server: str, standin: StandIn, table_name: str, command: Command
) -> None:
    bucket, export = unique_name("bucket").lower().replace("_", "-"), full(ROWS)
    await exports.upload(moto_server, bucket, export.objects())
    target = alternator(standin.url, table_name)
    content = job(bucket_source(moto_server, export.manifest, bucket), target)
    plan = await command(content, word="plan")
    assert plan.code == 0, plan.err
    assert "300 items in 3 data files" in plan.out
    assert "read units      none" in plan.out
    report = await command(content)
    assert report.code == 0, report.err
    assert same_items(standin.items(table_name), ROWS)
    again = await command(content)
    assert "this migration is done already" in again.err


async def test_a_one_off_names_the_export_alone(
    tmp_path: Path, standin: StandIn, table_name: str, run_cli: Any
) -> None:
    export = full(ROWS, summary={"tableKeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}]})
    attributes = [{"AttributeName": "pk", "AttributeType": "S"}]
    export = exports.changed(
        export, summary={**export.summary, "tableAttributeDefinitions": attributes}
    )
    exports.write(tmp_path / "s3", export.objects())
    flags = ("--target-endpoint", standin.url, "--target-table", table_name)
    ending = await run_cli("run", "--source-export", f"s3/{export.folder}", *flags)
    assert ending.code == 0, ending.err
    assert same_items(standin.items(table_name), ROWS)

"""Rights: the policies of examples/iam, and that no call is made that they do not allow."""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from click.testing import CliRunner

import alternator_migrate
from alternator_migrate.cli.main import cli
from alternator_migrate.config.loading import load
from alternator_migrate.connectors.permissions import (
    Command,
    Rights,
    grants,
    policy,
    rights_of,
    savepoint_rights,
    usual_commands,
)
from tests.conftest import RunCli
from tests.examples.iam import ALTERNATOR, EXPORTED, FOLDER, SOURCE, made
from tests.servers.client import call, fill
from tests.servers.exchange import Exchange
from tests.servers.guarded import Guarded
from tests.servers.proxy import FaultProxy
from tests.standin import StandIn
from tests.support.buckets import Prefix
from tests.support.buckets import made as made_prefix
from tests.support.cli import TABLE, Ends, rows, signed, two_ends
from tests.support.jobs import job, standin_side, write_config
from tests.support.names import unique_name

EVERYTHING: tuple[Command, ...] = ("plan", "run", "shards", "follow", "validate", "repair")
# Asked for a better word only, and done without where it is denied.
NICE_TO_HAVE = {
    "ListTables",  # the nearest name of a table that does not exist
    "Query",  # what an Alternator's own tables say of its version and its write isolation
}
SAME_RIGHT = {"HeadObject": "GetObject", "ListObjectsV2": "ListBucket"}
ON_S3 = "savepoints: {path: 's3://b-1/p', intervalSeconds: 0.2}\n"


def settings_rights(folder: Path, text: str, *commands: Command) -> tuple[Rights, Rights]:
    path = folder / "config.yaml"
    path.write_text(text)
    source, target = rights_of(load(path, {}).settings, commands)
    return source, target


def called() -> Iterator[str]:
    """Every operation of AWS's that stands in the code."""
    session = botocore.session.get_session()
    methods: dict[str, str] = {}
    on_s3: dict[str, str] = {}
    for service in ("dynamodb", "dynamodbstreams", "s3"):
        operations = session.get_service_model(service).operation_names
        on_s3 = {botocore.xform_name(name): name for name in operations}
        methods |= on_s3
    for path in Path(alternator_migrate.__file__).parent.rglob("*.py"):
        if path.parent.name == "cli":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                yield from filter(None, [methods.get(node.func.attr)])
            elif isinstance(node, ast.Attribute) and node.attr in on_s3:
                yield on_s3[node.attr]
            elif isinstance(node, ast.Constant) and node.value in methods.values():
                yield str(node.value)


def test_every_call_in_the_code_has_its_right(tmp_path: Path) -> None:
    text = (SOURCE + ALTERNATOR % ", streamChanges: true, indexes: after").replace(
        "alternator", "dynamodb"
    )
    allowed = {"GetObject"}
    exported = EXPORTED + ALTERNATOR % ""
    for rights in (
        *settings_rights(tmp_path, text, *EVERYTHING),
        *settings_rights(tmp_path, exported, "run"),
    ):
        allowed |= {*rights.table, *rights.stream, *rights.exports, *rights.on_objects}
    (tmp_path / "config.yaml").write_text(EXPORTED + ALTERNATOR % "" + ON_S3)
    kept = savepoint_rights(load(tmp_path / "config.yaml", {}).settings, ["run"])
    assert kept
    allowed |= {*kept.on_objects, "ListBucket"}
    made_calls = {SAME_RIGHT.get(name, name) for name in called()}
    assert "BatchWriteItem" in made_calls
    assert made_calls - NICE_TO_HAVE == allowed, "add the call to connectors/permissions.py"


@pytest.mark.parametrize("kind", [StandIn, Guarded])
async def test_each_command_calls_what_it_has_the_right_to(
    tmp_path: Path, run_cli: RunCli, kind: type[StandIn]
) -> None:
    async with two_ends(30, kind) as ends:
        _write(tmp_path, ends)
        await _called(tmp_path, run_cli, ends, "plan", ["plan", "config.yaml"])
        for shard in ("0/2", "1/2", "finish/2"):
            words = ["run", "config.yaml", "--shard", shard, "--set", "source.scanSegments=2"]
            await _called(tmp_path, run_cli, ends, "shards", words)
        await call(ends.target.url, "DeleteTable", {"TableName": TABLE})
        await _called(tmp_path, run_cli, ends, "run", ["run", "config.yaml", "--fresh"])
        await fill(ends.target.url, TABLE, rows(31))
        repair = ["validate", "config.yaml", "--repair", "--delete-extra", "--yes"]
        await _called(tmp_path, run_cli, ends, "repair", repair)
        await _called(tmp_path, run_cli, ends, "validate", ["validate", "config.yaml"])


async def test_savepoints_on_s3_are_read_and_written_as_their_rights_say(
    tmp_path: Path, run_cli: RunCli, moto_server: str
) -> None:
    prefix = await made_prefix(moto_server, f"runs/{unique_name('rights')}")
    async with two_ends(30) as ends, FaultProxy(moto_server, record=True) as s3:
        place = {"target": prefix.target(s3.url), "intervalSeconds": 0.2}
        _write(tmp_path, ends, savepoints=place)
        settings = load(tmp_path / "config.yaml", {}).settings
        commands: tuple[Command, ...] = ("plan", "run", "validate", "repair")
        seen = set[str]()
        for name in commands:
            s3.log.clear()
            word, *more = ("validate", "--repair") if name == "repair" else (name,)
            ended = await run_cli(word, "config.yaml", *more, env=signed())
            assert ended.code == 0, ended.err
            rights = savepoint_rights(settings, [name])
            assert rights
            assert rights.objects == f"{prefix.bucket}/{prefix.prefix}/*"
            made_calls = {_on_s3(each, prefix) for each in s3.log}
            assert "ListBucket" in made_calls
            assert made_calls <= {*rights.on_objects, "ListBucket"}
            seen |= made_calls
    assert seen == {"ListBucket", "GetObject", "PutObject", "DeleteObject"}


def _on_s3(exchange: Exchange, prefix: Prefix) -> str:
    """The right that a request of S3 takes."""
    request = exchange.request
    if "list-type" in request.query:
        return "ListBucket"
    assert request.path.startswith(f"/{prefix.bucket}/{prefix.prefix}/")
    name = f"{request.method.capitalize()}Object"
    return SAME_RIGHT.get(name, name)


@pytest.mark.parametrize(
    ("options", "code", "shown", "not_shown"),
    [
        ([], 0, '"arn:aws:s3:::b-1/p/*"', "s3:AbortMultipartUpload"),
        (["--for", "plan"], 0, '"SavepointsObjects"', "s3:PutObject"),
        (["--side", "savepoints"], 0, '"s3:DeleteObject"', "dynamodb:"),
        (["--side", "source"], 0, '"SourceTable"', "s3:"),
        (["--cql"], 0, "GRANT MODIFY", "s3:"),
        (["--cql", "--side", "savepoints"], 2, "Leave --cql out", "GRANT MODIFY"),
    ],
    ids=str,
)
def test_savepoints_on_s3_are_in_the_policy(
    tmp_path: Path, options: list[str], code: int, shown: str, not_shown: str
) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(SOURCE + ALTERNATOR % "" + ON_S3)
    result = CliRunner().invoke(cli, ["permissions", str(path), *options])
    assert result.exit_code == code
    assert shown in result.output
    assert not_shown not in result.output


def test_between_two_alternators_the_policy_is_for_savepoints_alone(tmp_path: Path) -> None:
    source = (ALTERNATOR % "").replace("target", "source").replace("Orders", "Old")
    path = tmp_path / "config.yaml"
    path.write_text(source + ALTERNATOR % "" + ON_S3)
    result = CliRunner().invoke(cli, ["permissions", str(path)])
    assert [each["Sid"] for each in json.loads(result.output)["Statement"]] == [
        "SavepointsList",
        "SavepointsObjects",
    ]


FROM_ALTERNATOR = (ALTERNATOR % "").replace("target", "source")
TO_FOLDER = "target: {type: dynamodb-s3-export, path: out}\n"
TO_BUCKET = "target: {type: dynamodb-s3-export, bucket: b-1, prefix: /daily/, region: eu-west-1}\n"


@pytest.mark.parametrize(
    ("options", "others"), [([], True), (["--side", "target"], False)], ids=str
)
def test_an_export_into_a_folder_needs_no_rights(
    tmp_path: Path, options: list[str], others: bool
) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(FROM_ALTERNATOR + TO_FOLDER)
    result = CliRunner().invoke(cli, ["permissions", str(path), *options])
    assert result.exit_code == 0
    assert "No rights of AWS are needed" in result.output
    assert "Statement" not in result.output
    assert ("--cql" in result.output) == others


def test_an_export_into_a_bucket_is_written_and_looked_for(tmp_path: Path) -> None:
    _, target = settings_rights(tmp_path, FROM_ALTERNATOR + TO_BUCKET, "run")
    objects, bucket = policy([target])["Statement"]
    assert objects["Action"] == ["s3:AbortMultipartUpload", "s3:PutObject"]
    assert objects["Resource"] == ["arn:aws:s3:::b-1/daily/AWSDynamoDB/*"]
    assert (bucket["Action"], bucket["Resource"]) == (["s3:ListBucket"], "arn:aws:s3:::b-1")


def test_savepoints_in_a_folder_have_no_policy(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(SOURCE + ALTERNATOR % "")
    result = CliRunner().invoke(cli, ["permissions", str(path), "--side", "savepoints"])
    assert result.exit_code == 2
    assert "savepoints in a folder need no policy" in f"{result.output}{result.exception}"


def _write(folder: Path, ends: Ends, **more: Any) -> None:
    kind = "alternator" if ends.source.auth else "dynamodb"
    sides = (
        {**standin_side(end, TABLE), "type": kind, "region": "x"}
        for end in (ends.source, ends.target)
    )
    write_config(folder, job(*sides, validation={"recheckSeconds": [0.01]}, **more))


async def _called(
    folder: Path, run_cli: RunCli, ends: Ends, command: Command, words: list[str]
) -> None:
    for end in (ends.source, ends.target):
        end.log.clear()
    ended = await run_cli(*words, env=signed())
    assert ended.code == 0, ended.err
    rights = rights_of(load(folder / "config.yaml", {}).settings, [command])
    for side, end in zip(rights, (ends.source, ends.target), strict=True):
        made_calls = {name for name, _ in end.log} - {"DescribeEndpoints"} - NICE_TO_HAVE
        assert made_calls <= {*side.table, *side.stream}, f"{command}, {side.role}"


@pytest.mark.parametrize(("name", "text"), [*made()], ids=lambda value: value[:30])
def test_the_examples_are_what_the_command_prints(name: str, text: str) -> None:
    path = FOLDER / name
    assert path.read_text(encoding="utf-8") == text, "run `python -m tests.examples.iam`"
    for statement in json.loads(text)["Statement"]:
        assert not any(action.endswith("*") for action in statement["Action"])


def test_no_example_is_left_over() -> None:
    assert {path.name for path in FOLDER.iterdir()} == {name for name, _ in made()}


def test_a_read_only_source_is_read_only(tmp_path: Path) -> None:
    source, _ = settings_rights(tmp_path, SOURCE + ALTERNATOR % "", "plan", "run", "validate")
    assert not [name for name in source.table if re.match("Create|Update|Delete|Put|Tag", name)]
    assert source.stream == ()


def test_a_table_that_is_exported_is_not_scanned_until_it_is_compared(tmp_path: Path) -> None:
    key = EXPORTED.replace("prefix: orders", "kmsKeyId: 1234-5678")
    source, _ = settings_rights(tmp_path, key + ALTERNATOR % "", "plan", "run")
    assert not {"Scan", "UpdateTable"} & set(source.table)
    by_name = {each["Sid"]: each for each in policy([source])["Statement"]}
    assert by_name["SourceExports"]["Resource"].endswith(":table/Orders/export/*")
    assert by_name["SourceObjects"]["Resource"] == ["arn:aws:s3:::my-exports/AWSDynamoDB/*"]
    assert by_name["SourceKey"]["Resource"] == "arn:aws:kms:eu-west-1:*:key/1234-5678"
    source, _ = settings_rights(tmp_path, key + ALTERNATOR % "", "plan")
    assert (source.exports, source.objects, source.key) == ((), (), "")
    source, _ = settings_rights(tmp_path, key + ALTERNATOR % "", "run", "validate")
    assert {"Scan", "BatchGetItem"} <= set(source.table)


ARN = "arn:aws:dynamodb:eu-west-1:111122223333:table/Orders/export/01693685827463-2d8752fd"


@pytest.mark.parametrize(
    ("export", "exports", "objects"),
    [
        (f"arn: '{ARN}'", ("DescribeExport",), ("*/AWSDynamoDB/*",)),
        (f"arn: '{ARN}', bucket: my-exports", ("DescribeExport",), ("my-exports/AWSDynamoDB/*",)),
        ("manifestKeys: ['s3://b-1/p/AWSDynamoDB/1']", (), ("b-1/p/AWSDynamoDB/1/*",)),
    ],
)
def test_an_export_that_is_there_is_only_read(
    tmp_path: Path, export: str, exports: tuple[str, ...], objects: tuple[str, ...]
) -> None:
    text = SOURCE.replace("}\n", f", export: {{{export}}}}}\n") + ALTERNATOR % ""
    source, _ = settings_rights(tmp_path, text, "plan", "run")
    assert (source.exports, source.objects[:1], source.on_objects) == (
        exports,
        objects,
        ("GetObject",),
    )
    assert "ExportTableToPointInTime" not in source.table


def test_what_is_not_asked_for_needs_no_right(tmp_path: Path) -> None:
    bare = ", copyTags: false, copyTtl: false"
    _, target = settings_rights(tmp_path, SOURCE + ALTERNATOR % bare, "run")
    assert not {"TagResource", "ListTagsOfResource", "UpdateTimeToLive"} & set(target.table)


def test_the_grants_of_an_alternator(tmp_path: Path) -> None:
    role = ", credentials: {accessKey: mover, secretKey: s}"
    _, target = settings_rights(tmp_path, SOURCE + ALTERNATOR % role, "run")
    assert [*grants(target)] == [
        'GRANT CREATE ON ALL KEYSPACES TO "mover";',
        'GRANT SELECT ON TABLE "alternator_Orders"."Orders" TO "mover";',
        'GRANT MODIFY ON TABLE "alternator_Orders"."Orders" TO "mover";',
        'GRANT ALTER ON TABLE "alternator_Orders"."Orders" TO "mover";',
    ]
    _, target = settings_rights(tmp_path, SOURCE + ALTERNATOR % role, "validate")
    assert [*grants(target)] == ['GRANT SELECT ON TABLE "alternator_Orders"."Orders" TO "mover";']


@pytest.mark.parametrize(
    ("options", "code", "shown"),
    [
        ([], 0, '"dynamodb:Scan"'),
        (["--for", "plan", "--side", "source"], 0, '"SourceTable"'),
        (["--cql"], 0, "GRANT MODIFY"),
        (["--side", "target"], 2, "--cql"),
        (["--side", "source", "--cql"], 2, "no side is an Alternator"),
    ],
    ids=str,
)
def test_the_command_prints_what_is_asked_for(
    tmp_path: Path, options: list[str], code: int, shown: str
) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(SOURCE + ALTERNATOR % "")
    result = CliRunner().invoke(cli, ["permissions", str(path), *options])
    assert result.exit_code == code
    assert shown in result.output


def test_many_tables_are_named_as_far_as_iam_can(tmp_path: Path) -> None:
    text = SOURCE.replace(", table: Orders", "") + ALTERNATOR.replace("table: Orders, ", "") % ""
    names = "tables: {include: [Orders, 'app-*', '/^x/']}\n"
    source, target = settings_rights(tmp_path, text + names, "run")
    listed, table = policy([source])["Statement"]
    assert listed["Action"] == ["dynamodb:ListTables"]
    arn = "arn:aws:dynamodb:eu-west-1:*:table/"
    assert table["Resource"] == [f"{arn}Orders", f"{arn}app-*", f"{arn}*"]
    assert 'GRANT MODIFY ON ALL KEYSPACES TO "migrator";' in [*grants(target)]


def test_following_is_among_the_usual_commands_where_it_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(SOURCE + ALTERNATOR % ", streamChanges: true")
    assert "follow" in usual_commands(load(path, {}).settings)
    path.write_text(SOURCE + ALTERNATOR % "")
    assert "follow" not in usual_commands(load(path, {}).settings)

"""The policies of examples/iam, made from configurations.

python -m tests.examples.iam    # writes them
"""

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from alternator_migrate.config.loading import load
from alternator_migrate.connectors.permissions import Command, policy, rights_of, savepoint_rights
from tests.servers.cli import REPOSITORY

FOLDER = REPOSITORY / "examples" / "iam"
SOURCE = "source: {type: dynamodb, region: eu-west-1, table: Orders}\n"
ABROAD = "source: {type: dynamodb, table: arn:aws:dynamodb:eu-west-1:111122223333:table/Orders}\n"
EXPORT = (
    "source: {type: dynamodb-s3-export, bucket: my-exports, tableDescription: "
    "{AttributeDefinitions: [{AttributeName: id, AttributeType: S}], "
    "KeySchema: [{AttributeName: id, KeyType: HASH}]}, "
    "manifestKey: orders/AWSDynamoDB/01693685827463-2d8752fd, table: Orders}\n"
)
EXPORTED = SOURCE.replace("}\n", ", export: {bucket: my-exports, prefix: orders}}\n")
ALTERNATOR = (
    "target: {type: alternator, table: Orders, endpoint: {url: 'http://10.0.0.1:8000'}%s}\n"
)
DYNAMODB = "target: {type: dynamodb, region: us-east-1, table: Orders}\n"


class Example(NamedTuple):
    """One file: the configuration and commands that it is made for, and the side it is of."""

    text: str
    commands: tuple[Command, ...]
    side: str = "source"


SAVEPOINTS = "savepoints: {path: 's3://my-savepoints/orders'}\n"
EXAMPLES = {
    "source-plan.json": Example(SOURCE + ALTERNATOR % "", ("plan",)),
    "source-copy.json": Example(SOURCE + ALTERNATOR % "", ("plan", "run", "validate")),
    "source-follow.json": Example(
        SOURCE + ALTERNATOR % ", streamChanges: true", ("plan", "run", "follow", "validate")
    ),
    "source-export.json": Example(EXPORT + ALTERNATOR % "", ("plan", "run")),
    "source-to-export.json": Example(
        EXPORTED + ALTERNATOR % ", streamChanges: true", ("plan", "run")
    ),
    "source-of-another-account.json": Example(
        ABROAD + ALTERNATOR % "", ("plan", "run", "validate")
    ),
    "target-copy.json": Example(SOURCE + DYNAMODB, ("plan", "run", "validate"), "target"),
    "target-shards.json": Example(SOURCE + DYNAMODB, ("shards",), "target"),
    "target-repair.json": Example(SOURCE + DYNAMODB, ("repair",), "target"),
    "savepoints-on-s3.json": Example(
        SOURCE + ALTERNATOR % "" + SAVEPOINTS, ("plan", "run", "validate"), "savepoints"
    ),
}


def made() -> Iterator[tuple[str, str]]:
    """Name and text of each file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "config.yaml"
        for name, example in EXAMPLES.items():
            path.write_text(example.text)
            settings = load(path, {}).settings
            rights = rights_of(settings, example.commands)
            savepoints = savepoint_rights(settings, example.commands)
            own = [each for each in rights if each.role == example.side]
            document = policy(own, savepoints if example.side == "savepoints" else None)
            yield name, json.dumps(document, indent=2) + "\n"


if __name__ == "__main__":
    for name, text in made():
        (FOLDER / name).write_text(text, encoding="utf-8")

"""Validation finds every kind of difference, in every mode, between all servers; and no other."""

import asyncio
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from alternator_migrate.core.counts import ValidationCounts
from alternator_migrate.validate.mode import ValidateOptions
from tests.e2e.validations import PAIRS, Outcome, two_tables, validate
from tests.servers.client import Item, create_table, fill
from tests.standin import StandIn
from tests.support.jobs import alternator, dynamodb, job
from tests.support.names import unique_name
from tests.support.shapes import DIGITS_38, TEXT_OR_BINARY, Value, tables

MODES = {
    "digest": ValidateOptions("digest"),
    "lookup": ValidateOptions("lookup"),
    "sample": ValidateOptions(sample=1.0),
}
OTHER_DIGITS_38 = DIGITS_38[:-1] + "9"
NESTED: Value = {"M": {"deep": {"L": [{"M": {"tags": {"SS": ["a", "b", "c"]}}}]}}}
OTHER_NESTED: Value = {"M": {"deep": {"L": [{"M": {"tags": {"SS": ["a", "b", "d"]}}}]}}}


def item(name: str, **attributes: Value) -> Item:
    plain: Item = {"n": {"N": DIGITS_38}, "t": {"S": "x"}, "nested": NESTED}
    return {"pk": {"S": name}, **plain, **attributes}


ITEMS = [item(f"item {n}", size={"N": str(n)}) for n in range(40)]
PLANTED = {
    "digit": ("different", ("n",)),
    "member": ("different", ("nested",)),
    "attribute": ("different", ("more",)),
    "type": ("different", ("t",)),
    "deleted": ("missing", ()),
    "added": ("extra", ()),
}
EXPECTED = {(kind, f'{{"pk": {{"S": "{key}"}}}}', names) for key, (kind, names) in PLANTED.items()}
VERDICT = ValidationCounts(compared=45, missing=1, different=4, extra=1)


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
async def test_every_planted_difference_is_found_in_every_mode(
    request: pytest.FixtureRequest, tmp_path: Path, table_name: str, pair: tuple[str, str]
) -> None:
    found: dict[str, Outcome] = {}
    content = [*ITEMS, *(item(name) for name in PLANTED if name != "added")]
    ends = two_tables(request, pair, table_name, content, scanSegments=3)
    async with ends as (source, target):
        compared = job(source.side, target.side)
        for mode in ("digest", "lookup"):
            equal = await validate(tmp_path, compared, MODES[mode])
            assert equal.validated == ValidationCounts(compared=45), (mode, equal)
            assert equal.findings == []
        await target.put(
            item("digit", n={"N": OTHER_DIGITS_38}),
            item("member", nested=OTHER_NESTED),
            item("attribute", more={"BOOL": True}),
            item("type", t={"N": "1"}),
            item("added"),
        )
        await source.put(item("type", t={"S": "1"}))
        await target.delete({"pk": {"S": "deleted"}})
        for mode, options in MODES.items():
            found[mode] = await validate(tmp_path, compared, options)
    for mode, outcome in found.items():
        assert outcome.told == EXPECTED, mode
        assert outcome.validated == VERDICT, mode
        assert not any(line["repaired"] for line in outcome.findings)


@settings(
    max_examples=10,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(table=tables(TEXT_OR_BINARY))
def test_random_tables_that_are_equal(
    dynamodb_local: str, table: tuple[dict[str, str], list[Item]]
) -> None:
    schema, content = table
    name = unique_name("random")

    async def compare() -> None:
        async with StandIn(page_bytes=300) as target:
            for url in (dynamodb_local, target.url):
                await create_table(url, name, schema)
                await fill(url, name, content)
            here = alternator(target.url, name, scanSegments=3)
            there = dynamodb(dynamodb_local, name)
            for mode in ("digest", "lookup"):
                with tempfile.TemporaryDirectory() as folder:
                    outcome = await validate(Path(folder), job(here, there), MODES[mode])
                    assert outcome.validated == ValidationCounts(compared=len(content)), outcome

    asyncio.run(compare())

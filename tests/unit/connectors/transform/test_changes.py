"""Changes of items that a function changes: deletions reach what was made of them."""

import json
from pathlib import Path
from typing import Any

import pytest

from alternator_migrate.connectors.rejects_file import RejectsFile
from alternator_migrate.connectors.transform.changes import ChangeMaker, TransformedChanges
from alternator_migrate.connectors.transform.function import Transform, UserFunctions
from alternator_migrate.connectors.transform.shaping import Shaping
from alternator_migrate.core.counts import ChangeCounts
from alternator_migrate.core.errors import MigrateError
from alternator_migrate.core.model import Change
from alternator_migrate.dynamodb.reshaping import Reshaper

Values = dict[str, Any]


def of(values: Values | None) -> bytes | None:
    kinds = {int: "N", str: "S"}
    if values is None:
        return None
    return json.dumps({n: {kinds[type(v)]: str(v)} for n, v in values.items()}).encode()


def change(number: int, new: Values | None, old: Values | None = None) -> Change:
    """A change of item `pN`."""
    key = {"pk": f"p{number}"}
    image = of({**key, **new} if new is not None else None)
    before = of({**key, **old} if old is not None else None)
    return Change(b'{"pk":{"S":"p%d"}}' % number, image, "1", 1.0, old=before)


def derived(item: Values) -> Any:
    """Drops what is old, fails for what is bad, else derives the key from `city`."""
    if item.get("age", 0) > 9:
        return None
    if "bad" in item:
        raise LookupError(item["bad"])
    return {**item, "pk": f"{item['pk']}@{item['city']}"} if "city" in item else item


def shaper(
    folder: Path,
    transform: Any = derived,
    transform_key: Any = None,
    *,
    old_images: bool = False,
    allowed: int = 9,
    **more: Any,
) -> tuple[TransformedChanges, RejectsFile]:
    functions = UserFunctions("change.py", transform, transform_key)
    names = {"pk": "id"}
    shaping = Shaping(
        Reshaper(),
        rename=Reshaper(None, names),
        transform=Transform(functions, "Example", {"pk": "S"}, more.get("target_keys", {})),
    )
    rejects = RejectsFile(folder, ("id",), allowed)
    judges = more.get("wanted"), more.get("is_expired")
    maker = ChangeMaker(shaping, *judges, old_images=old_images)
    return TransformedChanges(shaping, maker, rejects), rejects


def kept(rejects: RejectsFile) -> Values:
    """The one line of the file."""
    (line,) = Path(str(rejects.path)).read_text().splitlines()
    return dict(json.loads(line))


async def told(made: TransformedChanges, *changes: Change) -> list[tuple[str, bool]]:
    """Key and whether it is put, of each change that is made."""
    results, counts = await made(changes)
    assert counts.accounted or counts == ChangeCounts()
    return [(json.loads(each.key)["pk"]["S"], each.image is not None) for each in results]


async def test_an_item_that_keeps_its_key_is_put_dropped_and_deleted(tmp_path: Path) -> None:
    made, _ = shaper(tmp_path)
    changes = change(1, {"age": 1}), change(2, {"age": 10}), change(3, None)
    assert await told(made, *changes) == [("p1", True), ("p2", False), ("p3", False)]


async def test_a_key_that_moves_is_refused_where_a_deletion_would_not_reach_it(
    tmp_path: Path,
) -> None:
    made, _ = shaper(tmp_path)
    with pytest.raises(MigrateError, match=r"gives the item .*p1.* another key") as refusal:
        await made([change(1, {"city": "Rome"})])
    assert "transform_key" in refusal.value.hint and "NEW_AND_OLD_IMAGES" in refusal.value.hint


async def test_old_images_tell_what_an_item_was(tmp_path: Path) -> None:
    made, _ = shaper(tmp_path, old_images=True)
    rome, bonn = {"city": "Rome"}, {"city": "Bonn"}
    assert await told(made, change(1, rome)) == [("p1@Rome", True)]
    assert await told(made, change(1, bonn, rome)) == [("p1@Rome", False), ("p1@Bonn", True)]
    assert await told(made, change(1, bonn, bonn)) == [("p1@Bonn", True)]
    assert await told(made, change(1, None, bonn)) == [("p1@Bonn", False)]
    assert await told(made, change(1, {"age": 10}, bonn)) == [("p1@Bonn", False)]
    assert await told(made, change(1, {}, {"age": 10})) == [("p1", True)]


async def test_a_change_that_leaves_nothing_is_counted(tmp_path: Path) -> None:
    made, _ = shaper(tmp_path, old_images=True)
    changes, counts = await made([change(1, {"age": 10}), change(2, {})])
    assert len(changes) == 1
    assert counts == ChangeCounts(read=1, dropped=1)


async def test_transform_key_gives_all_keys_that_an_item_may_have(tmp_path: Path) -> None:
    def split(item: Values) -> Any:
        return [{**item, "pk": f"{item['pk']}/{n}"} for n in range(int(item["count"]))]

    def keys(key: Values, meta: Any) -> Any:
        assert (meta.table, meta.phase, meta.keys) == ("Example", "change", ("pk",))
        return ({"pk": f"{key['pk']}/{n}"} for n in range(3))

    made, _ = shaper(tmp_path, split, keys)
    assert await told(made, change(1, {"count": 2})) == [
        ("p1/2", False),
        ("p1/0", True),
        ("p1/1", True),
    ]
    assert await told(made, change(1, None)) == [(f"p1/{n}", False) for n in range(3)]
    with pytest.raises(MigrateError, match=r"p1/3.*which transform_key does not give"):
        await made([change(1, {"count": 4})])


async def test_a_target_with_another_key_gets_its_own_in_every_way(tmp_path: Path) -> None:
    def apart(item: Values) -> Any:
        return {"city": item["city"], "number": int(item["pk"][1:]), "pk": item["pk"]}

    def keys(key: Values) -> Any:
        return [{"number": int(key["pk"][1:]), "city": name} for name in ("Rome", "Bonn")]

    target = {"city": "S", "number": "N"}
    rome = '{"city":{"S":"Rome"},"number":{"N":"1"}}'
    bonn = rome.replace("Rome", "Bonn")
    changes = change(1, {"city": "Bonn"}, {"city": "Rome"}), change(1, None, {"city": "Bonn"})
    by_old, _ = shaper(tmp_path, apart, old_images=True, target_keys=target)
    by_key, _ = shaper(tmp_path, apart, keys, target_keys=target)
    for made, gone in ((by_old, [bonn]), (by_key, [rome, bonn])):
        results, _ = await made(changes)
        found = [(each.key.decode(), each.image is not None) for each in results]
        assert found == [(rome, False), (bonn, True), *((key, False) for key in gone)]
    neither, _ = shaper(tmp_path, apart, target_keys=target)
    for each in changes:
        with pytest.raises(MigrateError, match="a later deletion of it would not reach"):
            await neither([each])


async def test_what_does_not_match_the_filter_is_gone(tmp_path: Path) -> None:
    made, _ = shaper(tmp_path, old_images=True, wanted=lambda image: b"Rome" in bytes(image))
    rome, bonn = {"city": "Rome"}, {"city": "Bonn"}
    assert await told(made, change(1, bonn, rome)) == [("p1@Rome", False)]
    assert await told(made, change(1, rome, bonn)) == [("p1@Rome", True)]


async def test_what_has_expired_by_now_was_there_before(tmp_path: Path) -> None:
    made, _ = shaper(tmp_path, old_images=True, is_expired=lambda image: b"Rome" in bytes(image))
    rome, bonn = {"city": "Rome"}, {"city": "Bonn"}
    assert await told(made, change(1, None, rome)) == [("p1@Rome", False)]
    assert await told(made, change(1, bonn, rome)) == [("p1@Rome", False), ("p1@Bonn", True)]
    assert await told(made, change(1, rome, bonn)) == [("p1@Bonn", False)]
    assert await told(made, change(1, rome)) == []


async def test_refusals_are_kept_until_a_newer_change_is_taken(tmp_path: Path) -> None:
    made, rejects = shaper(tmp_path)
    _, counts = await made([change(1, {"bad": "1"}), change(2, {"bad": "2"}), change(2, {})])
    assert counts == ChangeCounts(read=2, superseded=1, rejected=1)
    assert rejects.count == 1
    line = kept(rejects)
    assert (line["key"], line["change"], line["source"]) == ({"id": {"S": "p1"}}, "put", True)
    assert line["item"] == {"pk": {"S": "p1"}, "bad": {"S": "1"}}
    await made([change(1, {"bad": "again"})])
    assert rejects.count == 1
    await made([change(1, {"age": 10})])
    assert rejects.count == 0


async def test_a_deletion_whose_key_is_refused_is_kept_too(tmp_path: Path) -> None:
    made, rejects = shaper(tmp_path, transform_key=lambda key: {"pk": 1})
    changes, counts = await made([change(1, None)])
    assert (changes, counts) == ([], ChangeCounts(read=1, rejected=1))
    line = kept(rejects)
    assert line["change"] == "delete"
    assert "transform_key of change.py: attribute 'pk' is of type N" in line["message"]

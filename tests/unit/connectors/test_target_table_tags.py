"""Which tags reach each kind of target."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alternator_migrate.core.errors import UsageError
from alternator_migrate.dynamodb.dialect import ALTERNATOR, DYNAMODB, Dialect
from tests.support.descriptions import state
from tests.support.plans import BOTH, planned

RESERVED = "dropped, the name is reserved"


@pytest.mark.parametrize(
    "tag",
    [("owner", "a@b"), ("own@er", "a"), ("a", "Zürich"), ("é", "a"), ("a", "x, y"), ("a", "(x)")],
)
def test_alternator_drops_a_tag_of_other_characters_and_dynamodb_keeps_it(
    tag: tuple[str, str],
) -> None:
    tags = dict([tag])
    plan = planned(state(tags={**tags, "team": "a"}))
    assert dict(plan.spec.tags) == {"team": "a"}
    assert plan.notes == (
        f"tag {tag[0]}: dropped, Alternator takes letters, digits and +-=._:/ only",
    )
    kept = planned(state(tags=tags), DYNAMODB)
    assert (dict(kept.spec.tags), kept.notes) == (tags, ())


@pytest.mark.parametrize("tag", ["a b", "a+b-c=d.e_f:g/h", "aws:cloudformation:stack-name", ""])
def test_alternator_takes_spaces_some_signs_and_tags_of_aws(tag: str) -> None:
    tags = {tag or "empty": tag}
    plan = planned(state(tags=tags))
    assert (dict(plan.spec.tags), plan.notes) == (tags, ())


def test_dynamodb_refuses_tags_of_aws() -> None:
    plan = planned(state(tags={"aws:x": "1", "awsome": "2"}), DYNAMODB)
    assert dict(plan.spec.tags) == {"awsome": "2"}
    assert plan.notes == (f"tag aws:x: {RESERVED}",)


@BOTH
def test_scylladbs_own_tags_stay_behind(dialect: Dialect) -> None:
    plan = planned(state(tags={"system:ttl_attribute": "expires", "team": "a"}), dialect)
    assert (dict(plan.spec.tags), plan.notes) == ({"team": "a"}, ())


def test_tags_of_scylladb_that_a_user_sets_are_copied_to_alternator() -> None:
    tags = {"system:write_isolation": "forbid", "system:initial_tablets": "none"}
    assert dict(planned(state(tags=tags)).spec.tags) == tags
    assert dict(planned(state(tags=tags), DYNAMODB).spec.tags) == {}


@BOTH
def test_extra_tags_are_added_and_win(dialect: Dialect) -> None:
    extra = {"system:write_isolation": "a", "team": "b"}
    plan = planned(state(tags={"team": "a", "x": "1"}), dialect, extra_tags=extra)
    assert dict(plan.spec.tags) == {"x": "1", **extra}
    alone = planned(state(tags={"team": "a"}), dialect, copy_tags=False, extra_tags=extra)
    assert dict(alone.spec.tags) == extra


@pytest.mark.parametrize(
    ("tag", "rule"),
    [
        (("a@b", "c"), "letters, digits and"),
        (("a", "x, y"), "letters, digits and"),
        (("system:ttl_attribute", "x"), "the name is reserved"),
        (("system:write_isolation", "nope"), "must be one of a, always, always_use_lwt, f"),
        (("system:write_isolation", ""), "must be one of"),
        (("", "x"), "1 to 128 characters"),
        (("k" * 129, "x"), "1 to 128 characters"),
        (("k", "v" * 257), "at most 256"),
    ],
)
def test_a_tag_that_was_asked_for_and_alternator_refuses_is_told_with_the_rule(
    tag: tuple[str, str], rule: str
) -> None:
    with pytest.raises(UsageError, match=r"target\.tags") as refused:
        planned(state(), extra_tags=dict([tag, ("team", "a")]))
    assert f"tag {tag[0]!r}: " in str(refused.value)
    assert rule in str(refused.value)
    assert "team" not in str(refused.value)


def test_all_tags_that_were_asked_for_and_are_refused_are_told_at_once() -> None:
    asked = {"a@b": "c", "aws:x": "1", "system:x": "1"}
    with pytest.raises(UsageError) as refused:
        planned(state(), extra_tags=asked)
    assert "'a@b'" in str(refused.value) and "'system:x'" in str(refused.value)
    with pytest.raises(UsageError, match="'aws:x': the name is reserved"):
        planned(state(), DYNAMODB, extra_tags=asked)


@BOTH
def test_tags_that_were_asked_for_must_fit(dialect: Dialect) -> None:
    asked = {f"tag{number:02}": "x" for number in range(dialect.tags)}
    assert dict(planned(state(tags={"a": "b"}), dialect, extra_tags=asked).spec.tags) == asked
    with pytest.raises(UsageError, match=f"room for {dialect.tags}"):
        planned(state(), dialect, extra_tags={**asked, "one": "more"})


@pytest.mark.parametrize("level", ["a", "forbid_rmw", "only_rmw_uses_lwt", "unsafe"])
def test_tags_of_scylladb_that_a_user_may_set_are_taken(level: str) -> None:
    asked = {"system:write_isolation": level, "system:initial_tablets": "none"}
    assert dict(planned(state(), extra_tags=asked).spec.tags) == asked


@given(
    count=st.integers(40, 50),
    extra=st.integers(0, 6),
    shared=st.integers(0, 6),
    dialect=st.sampled_from((ALTERNATOR, DYNAMODB)),
)
@settings(max_examples=60)
def test_no_more_tags_than_fit_and_every_other_one_is_told(
    count: int, extra: int, shared: int, dialect: Dialect
) -> None:
    tags = {f"tag{number:02}": "old" for number in range(count)}
    added = {f"new{number}": "new" for number in range(extra)}
    added |= {f"tag{number:02}": "new" for number in range(shared)}
    plan = planned(state(tags=tags), dialect, extra_tags=added)
    assert len(plan.spec.tags) <= dialect.tags
    assert added.items() <= plan.spec.tags.items()
    dropped = tags.keys() - plan.spec.tags.keys()
    told = [
        f"tag {tag}: dropped, {dialect.name} has room for {dialect.tags} tags"
        for tag in sorted(dropped)
    ]
    assert list(plan.notes) == told


def test_an_extra_tag_that_replaces_one_takes_no_room() -> None:
    tags = {f"tag{number:02}": "old" for number in range(46)}
    plan = planned(state(tags=tags), extra_tags={"tag00": "new"})
    assert (dict(plan.spec.tags), plan.notes) == ({**tags, "tag00": "new"}, ())

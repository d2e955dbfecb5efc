"""What a user's function may look like, and what becomes of what it returns."""

import json
import logging
import re
import sys
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from alternator_migrate.connectors.transform.code import TransformCode, find_code
from alternator_migrate.connectors.transform.function import Made, Transform, UserFunctions
from alternator_migrate.core.calls import CallFigures

ITEM = b'{"pk":{"S":"a"},"n":{"N":"12345678901234567890123456789012345678"}}'


def made(function: Any, item: bytes = ITEM) -> Made:
    transform = Transform(UserFunctions("change.py", function), "Example", {"pk": "S"})
    return transform.of(item, transform.meta("copy", "put"))


def written(folder: Path, text: str) -> TransformCode:
    """The code of a file with this text."""
    file = folder / "change.py"
    file.write_text(text)
    code = find_code(str(file))
    assert code
    return code


def items(function: Any) -> list[dict[str, Any]]:
    found = made(function)
    assert found.reject is None, found.reject
    return [json.loads(bytes(each.item)) for each in found.items]


def words(function: Any) -> str:
    found = made(function)
    assert not found.items
    assert found.reject
    return found.reject.message


def test_none_one_or_several_come_out() -> None:
    whole = json.loads(ITEM)
    assert items(lambda _: None) == items(lambda _: []) == items(lambda _: ()) == []
    assert items(lambda item: item) == items(lambda item: [item]) == [whole]

    def each(item: Any) -> Any:
        for number in (1, 2):
            item["pk"] = f"part {number}"
            yield item

    assert [item["pk"]["S"] for item in items(each)] == ["part 1", "part 2"]


def test_a_second_parameter_is_told_where_it_is() -> None:
    def told(item: Any, meta: Any) -> Any:
        return {**item, "m": [meta.table, meta.phase, meta.kind, *meta.keys]}

    (item,) = items(told)
    assert [each["S"] for each in item["m"]["L"]] == ["Example", "copy", "put", "pk"]


def test_numbers_have_all_their_digits() -> None:
    (item,) = items(
        lambda item: {**item, "n": item["n"] + 1, "q": Decimal(1).quantize(Decimal("0.01"))}
    )
    assert (item["n"]["N"], item["q"]["N"]) == ("12345678901234567890123456789012345679", "1")


def fails(item: Any) -> Any:
    raise LookupError("missing\nin two lines")


LINE = fails.__code__.co_firstlineno + 1


async def later(item: Any) -> Any:
    return item


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (fails, f"change.py, line {LINE}: LookupError: missing in two lines"),
        (lambda item: json.loads("{"), r"change.py, line \d+: JSONDecodeError: Expecting"),
        (lambda item: "text", "change.py: it returned a str, not an item"),
        (lambda item: [None], "change.py: a result is None, not an item"),
        (lambda item: [item, dict(item)], "change.py: two of the results have the same key"),
        (lambda item: {**item, "f": 0.1}, r"change.py: attribute 'f' is a float \(0.1\)"),
        (lambda item: {"n": 1}, "change.py: attribute 'pk' is missing"),
        (lambda item: sys.exit(3), r"change.py, line \d+: SystemExit: 3"),
    ],
)
def test_what_fails_is_refused_with_the_reason(function: Any, said: str) -> None:
    assert re.match(said, words(function))


def test_what_has_to_be_awaited_is_refused() -> None:
    assert "write it without async" in words(later)


def test_a_traceback_begins_with_the_users_code() -> None:
    reject = made(fails).reject
    assert reject
    assert reject.trace.splitlines()[1].startswith(f'  File "{__file__}"')
    assert (reject.item, reject.key, reject.source) == (ITEM, b'{"pk":{"S":"a"}}', True)


def test_a_file_may_define_what_python_has(tmp_path: Path) -> None:
    file = tmp_path / "change.py"
    file.write_text(
        "from __future__ import annotations\nfrom dataclasses import dataclass\n"
        "@dataclass\nclass Rule:\n    name: str\n"
        "def transform(item): return {**item, 'r': Rule('x').name}\n"
        "def other(item): return item\n"
    )
    code, other = find_code(str(file)), find_code(f"{file}:other")
    assert code and other
    assert code.functions().transform({}) == {"r": "x"}
    assert code.sha256 == other.sha256
    assert code.identity != other.identity


def test_what_it_prints_is_logged_line_by_line(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    caplog.set_level(logging.INFO, "alternator_migrate")
    code = written(
        tmp_path,
        "import sys\n"
        "print('read')\n"
        "def transform(item):\n"
        "    print('one', 2)\n"
        "    print('three\\nfour \\ud800', end='', file=sys.stderr)\n"
        "    sys.stdout.buffer.write(b' five\\n')\n"
        "    print('not ended', end='')\n",
    )
    assert made(code.functions().transform).reject is None
    first, *called = caplog.messages
    again = called[len(called) // 2 :]
    assert first == "read"
    assert called == [*again, *again], "the first hundred items are given to it twice"
    assert again == ["one 2", "three", "four \\ud800 five", "not ended"]
    assert {(each.levelname, each.name) for each in caplog.records} == {
        ("INFO", "alternator_migrate.connectors.transform.printed")
    }
    assert capsys.readouterr() == ("", "")


def test_programs_of_theirs_write_to_standard_error(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    code = written(
        tmp_path,
        "import faulthandler, subprocess, sys\n"
        "faulthandler.dump_traceback_later(600, file=sys.stderr)\n"
        "faulthandler.cancel_dump_traceback_later()\n"
        "def transform(item):\n"
        "    subprocess.run(['echo', 'a program'], stdout=sys.stdout, check=True)\n"
        "    return item\n",
    )
    assert made(code.functions().transform).reject is None
    assert capfd.readouterr() == ("", "a program\n" * 2)


def test_a_log_handler_of_theirs_is_not_told_of_its_own_lines(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "alternator_migrate")

    def speaking(item: Any) -> Any:
        handler = logging.StreamHandler()
        logging.getLogger().addHandler(handler)
        try:
            print("here")
        finally:
            logging.getLogger().removeHandler(handler)
        return item

    assert made(speaking).reject is None
    assert caplog.messages == ["here", "here"], "once for each call"


def test_what_the_packages_of_a_module_print_is_logged(
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    caplog.set_level(logging.INFO, "alternator_migrate")
    package = tmp_path / "printing_package"
    package.mkdir()
    (package / "__init__.py").write_text("print('the package')\n")
    (package / "change.py").write_text("print('the module')\ndef transform(item): return item\n")
    monkeypatch.syspath_prepend(tmp_path)
    code = find_code("printing_package.change:transform")
    assert code
    code.functions()
    assert caplog.messages == ["the package", "the module"]
    assert capsys.readouterr() == ("", "")


def test_the_slowest_call_is_known_by_its_key() -> None:
    def slow(item: Any) -> Any:
        time.sleep(0.05 if item["pk"] == "b" else 0)
        return item

    transform = Transform(UserFunctions("change.py", slow), "Example", {"pk": "S"})
    assert transform.calls.slowest == 0
    for name in "abc":
        transform.of(b'{"pk":{"S":"%c"},"n":{"N":"1"}}' % ord(name), transform.meta("copy", "put"))
    calls = transform.calls
    assert (calls.key, calls.moved) == ('{"pk":{"S":"b"}}', False)
    assert 0.05 <= calls.slowest <= transform.spent < 5
    assert CallFigures(1e9, "a", moved=True) + calls == CallFigures(1e9, "a", moved=True)

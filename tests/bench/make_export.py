"""python -m tests.bench.make_export FOLDER: writes an export of many items, prints its manifest."""

import argparse
import gzip
import json
from pathlib import Path
from random import Random

from tests.bench.source import maker
from tests.support import exports, ion_text

DISTINCT = 50_000


def main(folder: Path, items: int, files: int, *, ion: bool, orders: bool) -> Path:
    """Equal files of items of `UUID_ITEM_BYTES`, or of orders, with the same content in each."""
    drawn, each = Random(1), items // files
    make = maker(orders=orders)
    lines = [_line(make(drawn), ion) for _ in range(min(each, DISTINCT))]
    lines = (lines * (each // len(lines) + 1))[:each]
    known: dict[int, bytes] = {}

    def zipped(text: bytes) -> bytes:
        return known.setdefault(len(text), known.get(len(text)) or gzip.compress(text, 6))

    export = exports.Export([lines] * files, ion=ion, zipped=zipped, prefix="")
    exports.write(folder, export.objects())
    return folder / export.manifest


def _line(item: bytes, ion: bool) -> bytes:
    return ion_text.line(Item=json.loads(item)) if ion else b'{"Item":%b}' % item


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="write an export of many items")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--files", type=int, default=20)
    parser.add_argument("--ion", action="store_true")
    parser.add_argument("--orders", action="store_true", help="items of an ordinary kind")
    given = parser.parse_args()
    print(main(given.folder, given.items, given.files, ion=given.ion, orders=given.orders))

"""Peak memory of whole runs: small items in a small and a large table, and the largest items."""

from tests.bench import product
from tests.bench.product import canned
from tests.bench.rows import Extent, Figure, Row

TITLE = "Peak memory of a whole run, 100 a batch"
SMALL_LIMIT = 150.0  # MB
LARGE_LIMIT = 400.0  # MB
GROWTH = 1.1  # what five times the table may cost: the noise of an allocator, no more
SEGMENTS = 16  # as many as are read at once: fewer, as a small table has them, need less
LARGE_ITEM_BYTES = 400_000
BATCH = 100


def figure(extent: Extent) -> Figure:
    """One run each."""
    many = extent.items or (1_000_000 if extent.quick else 5_000_000)
    few = many // 5
    large = 300 if extent.quick else 3_000
    less, more = peak_megabytes(few), peak_megabytes(many)
    small = f"{many:,} items of 238 bytes"
    rows = [
        Row(
            f"{few:,} items of 238 bytes",
            less,
            "MB",
            None,
            f"< {SMALL_LIMIT:g} MB",
            less < SMALL_LIMIT,
        ),
        Row(small, more, "MB", None, f"< {SMALL_LIMIT:g} MB", more < SMALL_LIMIT),
        Row("  beside a fifth of that", more, "MB", less, f"<= x{GROWTH}", more <= less * GROWTH),
    ]
    most = peak_megabytes(large, "--item-bytes", str(LARGE_ITEM_BYTES))
    what = f"{large:,} items of {LARGE_ITEM_BYTES:,} bytes"
    rows.append(Row(what, most, "MB", None, f"< {LARGE_LIMIT:g} MB", most < LARGE_LIMIT))
    return Figure(TITLE, rows)


def peak_megabytes(items: int, *source_options: str) -> float:
    """The highest resident memory, in MB, of a run over so many items."""
    with canned(items, *source_options) as ends:
        return product.run(ends, BATCH, SEGMENTS).peak / 1e6

"""`python -m tests.standin`: serve until SIGINT or SIGTERM."""

import argparse
import asyncio
import signal

from tests.standin import KINDS, Faults, StandIn
from tests.standin.operations import OPERATIONS

SLOW = ("slow", "slow_500")


def main() -> None:
    """Parse the command line and serve."""
    arguments = _parser().parse_args()
    asyncio.run(_serve(arguments))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.standin", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0, the default, is a free one")
    parser.add_argument("--nodes", type=int, default=1)
    parser.add_argument("--old", action="store_true", help="behave as ScyllaDB 5.4")
    parser.add_argument("--max-batch", type=int, default=100)
    parser.add_argument("--page-bytes", type=int, default=1 << 20)
    parser.add_argument("--stream-shards", type=int, default=128)
    parser.add_argument("--stream-delay", type=float, default=10.0, help="seconds")
    parser.add_argument("--auth", metavar="ROLE:SECRET", help="check signatures")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before each answer")
    parser.add_argument("--seed", type=int, default=0, help="of random failures")
    kinds = ", ".join(KINDS)
    parser.add_argument(
        *("--next", "-n"),
        metavar="OP:KIND[:TIMES[:SECONDS]]",
        type=_next,
        action="append",
        default=[],
        help=f"the next requests fail; kinds: {kinds}; those that are slow need the seconds",
    )
    parser.add_argument(
        *("--rate", "-r"),
        metavar="OP:KIND:PROBABILITY[:SECONDS]",
        type=_rate,
        action="append",
        default=[],
        help="some requests fail",
    )
    return parser


def _next(text: str) -> tuple[str, str, int, float]:
    """Operation, kind, times (1) and seconds. Raises `ArgumentTypeError`."""
    operation, kind, times, seconds = _parts(text, "1")
    if not times.isdecimal() or int(times) < 1:
        raise argparse.ArgumentTypeError(f"TIMES must be a whole number above 0, not {times!r}")
    return operation, kind, int(times), seconds


def _rate(text: str) -> tuple[str, str, float, float]:
    """Operation, kind, probability and seconds. Raises `ArgumentTypeError`."""
    operation, kind, probability, seconds = _parts(text, "")
    chance = _number(probability)
    if chance > 1:
        raise argparse.ArgumentTypeError(f"PROBABILITY must be at most 1, not {probability!r}")
    return operation, kind, chance, seconds


def _parts(text: str, middle: str) -> tuple[str, str, str, float]:
    """Operation and kind, which must exist, what comes next or `middle`, and seconds."""
    parts = text.split(":")
    if len(parts) > 4:
        raise argparse.ArgumentTypeError(f"too many parts: {text!r}")
    operation, kind, third, seconds = [*parts, "", "", ""][:4]
    if operation not in {*OPERATIONS, "*"}:
        raise argparse.ArgumentTypeError(f"no operation {operation!r}; * is any")
    if kind not in KINDS:
        raise argparse.ArgumentTypeError(f"no kind {kind!r}; there are: {', '.join(KINDS)}")
    wait = _number(seconds or "0")
    if kind in SLOW and not wait:
        raise argparse.ArgumentTypeError(f"{kind} needs SECONDS: {text!r}")
    return operation, kind, third or middle, wait


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"must be a number of at least 0, not {text!r}")
    return value


def _faults(arguments: argparse.Namespace) -> Faults:
    faults = Faults(arguments.latency, arguments.seed)
    for each in arguments.next:
        faults.next(*each)
    for each in arguments.rate:
        faults.rate(*each)
    return faults


async def _serve(arguments: argparse.Namespace) -> None:
    stopped = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stopped.set)
    role, _, secret = (arguments.auth or "").partition(":")
    async with StandIn(
        arguments.nodes,
        auth={role: secret} if role else None,
        old=arguments.old,
        faults=_faults(arguments),
        port=arguments.port,
        max_batch=arguments.max_batch,
        page_bytes=arguments.page_bytes,
        stream_shards=arguments.stream_shards,
        stream_delay=arguments.stream_delay,
    ) as alternator:
        for url in alternator.urls:
            print(f"listening {url}", flush=True)
        await stopped.wait()


if __name__ == "__main__":
    main()

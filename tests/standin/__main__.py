"""`python -m tests.standin`: serve until SIGINT or SIGTERM."""

import argparse
import asyncio
import signal

from tests.standin import KINDS, Faults, StandIn


def main() -> None:
    """Parse the command line and serve."""
    arguments = _parser().parse_args()
    asyncio.run(_serve(arguments))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.standin", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0, the default, is a free one")
    parser.add_argument("--nodes", type=int, default=1)
    parser.add_argument("--old", action="store_true", help="behave as ScyllaDB 5.1")
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
        metavar="OP:KIND[:TIMES]",
        action="append",
        default=[],
        help=f"the next requests fail; kinds: {kinds}",
    )
    parser.add_argument(
        *("--rate", "-r"),
        metavar="OP:KIND:PROBABILITY",
        action="append",
        default=[],
        help="some requests fail",
    )
    return parser


def _faults(arguments: argparse.Namespace) -> Faults:
    faults = Faults(arguments.latency, arguments.seed)
    for text in arguments.next:
        operation, kind, *times = text.split(":")
        faults.next(operation, kind, int(times[0]) if times else 1)
    for text in arguments.rate:
        operation, kind, probability = text.split(":")
        faults.rate(operation, kind, float(probability))
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

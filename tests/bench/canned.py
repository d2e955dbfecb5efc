"""Canned DynamoDB servers, far cheaper than any client, so that a client is what is measured.

python -m tests.bench.canned source --items 1000000
python -m tests.bench.canned changes --items 1000000 --shards 4
python -m tests.bench.canned sink --port 8001 --tls cert.pem key.pem

Each prints `listening PORT` on standard output once it accepts connections, and ends with SIGTERM.
"""

import argparse
import asyncio
import gc
import signal
import ssl

import uvloop

from tests.bench.changes import Changes
from tests.bench.http1 import App, Connection
from tests.bench.partitioned import Bucket, Layout, PartitionedSink, PartitionedSource
from tests.bench.sink import ARNS, Sink
from tests.bench.source import UUID_ITEM_BYTES, Source


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line of one server."""
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--port", type=int, default=0, help="0 for any free port")
    common.add_argument("--tls", nargs=2, metavar=("CERT", "KEY"), help="PEM files")
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    roles = parser.add_subparsers(dest="role", required=True)
    source = roles.add_parser("source", parents=[common], help="a table to be scanned")
    source.add_argument("--items", type=int, default=100_000)
    source.add_argument("--item-bytes", type=int, default=UUID_ITEM_BYTES)
    source.add_argument("--small", type=int, default=0, help="so many tables of 100 items besides")
    source.add_argument("--orders", action="store_true", help="items of an ordinary kind")
    source.add_argument("--no-crc", action="store_true", help="send no x-amz-crc32")
    changes = roles.add_parser("changes", parents=[common], help="a stream to be followed")
    changes.add_argument("--items", type=int, default=100_000, help="how many changes")
    changes.add_argument("--shards", type=int, default=4)
    sink = roles.add_parser("sink", parents=[common], help="tables to be written")
    sink.add_argument("--dialect", choices=sorted(ARNS), default="alternator")
    sink.add_argument("--verify", action="store_true", help="parse every batch")
    for role, words in (("partitions", "scanned"), ("partitioned-sink", "written")):
        parts = roles.add_parser(role, parents=[common], help=f"partitions to be {words}")
        parts.add_argument("--items", type=int, default=100_000)
        parts.add_argument("--partitions", type=int, default=32)
        parts.add_argument("--rate", type=float, default=0.0, help="tokens a second of each")
        parts.add_argument("--hot", type=float, default=0.0, help="share of one of them")
        parts.add_argument("--page-items", type=int, default=30)
        parts.add_argument("--whole-rate", type=float, default=0.0)
        parts.add_argument("--doubles", type=float, default=0.0)
        parts.add_argument("--described", type=int, default=None, help="bytes that it says it has")
    for known in roles.choices.values():
        known.add_argument("--delay", type=float, default=0.0, help="seconds to each answer")
    return parser.parse_args(arguments)


def make_app(options: argparse.Namespace) -> App:
    """The server the command line asks for."""
    if options.role == "source":
        crc, orders = not options.no_crc, options.orders
        return Source(options.items, options.item_bytes, crc, options.small, orders)
    if options.role == "changes":
        return Changes(options.items, options.shards)
    if options.role in ("partitions", "partitioned-sink"):
        return make_partitioned(options)
    return Sink(options.dialect, options.verify)


def make_partitioned(options: argparse.Namespace) -> App:
    """A source or a sink in partitions; the hot one lies within, at a third."""
    count = options.partitions
    weights = [1.0] * count
    if options.hot:
        weights[count // 3] = options.hot / (1 - options.hot) * (count - 1)
    layout = Layout(options.items, weights)
    buckets = [Bucket(options.rate) for _ in range(count)] if options.rate else []
    if options.role == "partitioned-sink":
        return PartitionedSink(layout, buckets)
    whole = Bucket(options.whole_rate, options.doubles) if options.whole_rate else None
    return PartitionedSource(layout, options.page_items, buckets, whole, options.described)


async def serve(options: argparse.Namespace) -> None:
    """Serve on loopback until SIGTERM or SIGINT."""
    app = make_app(options)
    context = None
    if options.tls:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*options.tls)
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    server = await loop.create_server(
        lambda: Connection(app, options.delay), "127.0.0.1", options.port, ssl=context
    )
    print("listening", server.sockets[0].getsockname()[1], flush=True)
    await stopped.wait()
    server.close()


if __name__ == "__main__":
    gc.disable()  # nothing here makes cycles by the request
    uvloop.run(serve(parse()))

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
    source.add_argument("--no-crc", action="store_true", help="send no x-amz-crc32")
    changes = roles.add_parser("changes", parents=[common], help="a stream to be followed")
    changes.add_argument("--items", type=int, default=100_000, help="how many changes")
    changes.add_argument("--shards", type=int, default=4)
    sink = roles.add_parser("sink", parents=[common], help="tables to be written")
    sink.add_argument("--dialect", choices=sorted(ARNS), default="alternator")
    sink.add_argument("--verify", action="store_true", help="parse every batch")
    return parser.parse_args(arguments)


def make_app(options: argparse.Namespace) -> App:
    """The server the command line asks for."""
    if options.role == "source":
        return Source(options.items, options.item_bytes, crc=not options.no_crc)
    if options.role == "changes":
        return Changes(options.items, options.shards)
    return Sink(options.dialect, options.verify)


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
        lambda: Connection(app), "127.0.0.1", options.port, ssl=context
    )
    print("listening", server.sockets[0].getsockname()[1], flush=True)
    await stopped.wait()
    server.close()


if __name__ == "__main__":
    gc.disable()  # nothing here makes cycles by the request
    uvloop.run(serve(parse()))

"""python -m tests.chaos: play many seeds; a failing one prints how to replay it."""

import argparse
import asyncio
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from pprint import pprint

from tests.chaos.exported import play_export
from tests.chaos.many import play_many
from tests.chaos.play import Outcome, play
from tests.chaos.pursue import pursue
from tests.chaos.pursuits import pursuit
from tests.chaos.schedule import schedule
from tests.servers.dynamodb_local import dynamodb_local
from tests.servers.moto_server import moto_server

SEED_SECONDS = 300


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seeds", type=int, default=200, help="how many seeds")
    parser.add_argument("--from", dest="first", type=int, default=1, help="the first seed")
    parser.add_argument("--seed", type=int, help="only this seed")
    parser.add_argument("--follow", action="store_true", help="seeds of following changes")
    parser.add_argument("--tables", action="store_true", help="seeds over four tables in one run")
    parser.add_argument(
        "--exports", action="store_true", help="seeds of exports; with --follow asked for by a run"
    )
    parser.add_argument("--show", action="store_true", help="print the schedule of --seed")
    parser.add_argument("--jobs", type=int, default=2, help="seeds played at a time")
    return parser.parse_args()


def one(seed: int, source: str | None, s3: str | None, many: bool) -> tuple[Outcome | None, str]:
    """Play a seed, of following where `source` is the URL of a DynamoDB Local, of exports where
    `s3` is that of an S3, or over `many` tables; its outcome, or why it failed and where its files
    are."""
    folder = Path(tempfile.mkdtemp(prefix=f"migrate-chaos-{seed}-"))

    async def bounded() -> Outcome:
        async with asyncio.timeout(SEED_SECONDS):
            if source:
                return await pursue(pursuit(seed), source, folder, s3)
            if s3:
                return await play_export(schedule(seed), folder, s3)
            return await (play_many if many else play)(schedule(seed), folder)

    again = "--follow " if source else "--tables " if many else ""
    again += "--exports " if s3 else ""
    try:
        outcome = asyncio.run(bounded())
    except Exception as error:  # noqa: BLE001 # whatever it is, it is told with its seed
        return (
            None,
            f"{error!r}\n  files: {folder}\n  again: python -m tests.chaos {again}--seed {seed}",
        )
    shutil.rmtree(folder)
    return outcome, ""


def main() -> int:
    """Play what was asked for; exit code 1 if a seed failed."""
    options = parse()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # the tool inherits a deaf shell's
    if options.show and options.seed is not None:
        shown = pursuit(options.seed) if options.follow else schedule(options.seed)
        pprint(asdict(shown))
        return 0
    seeds = range(options.first, options.first + options.seeds)
    wanted = [options.seed] if options.seed is not None else list(seeds)
    began, failed, pages, runs = time.monotonic(), 0, Counter[int](), 0
    source = dynamodb_local() if options.follow else nullcontext()
    bucket = moto_server() if options.exports else nullcontext()
    with source as url, bucket as s3, ProcessPoolExecutor(options.jobs) as pool:
        for future in as_completed(
            {pool.submit(one, seed, url, s3, options.tables): seed for seed in wanted}
        ):
            outcome, why = future.result()
            if outcome is None:
                failed += 1
                print(f"FAILED: {why}", flush=True)
                continue
            runs += outcome.runs
            pages.update(outcome.copied_again)
    print(f"{len(wanted) - failed} passed, {failed} failed")
    print(f"{runs} runs in {time.monotonic() - began:.0f} s")
    if pages:
        found = ", ".join(f"{count} x {again}" for again, count in sorted(pages.items()))
        print(f"pages copied again by a resumed run: {found}")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())

"""``python -m benchmarks.realtime``: run the jobs in turns, print a table, draw the curves."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.realtime import abuse, report
from benchmarks.realtime.clients import Failure
from benchmarks.realtime.curves import CURVES, draw, measure
from benchmarks.realtime.jobs import JOBS, Job, load
from benchmarks.realtime.servers import NODE, OURS, ROOT, World, own_world

RESULTS = ROOT / "benchmarks/results"


def main() -> None:
    options = _options()
    begun = time.monotonic()
    RESULTS.mkdir(exist_ok=True)
    with own_world(options.checkout.resolve()) as world:
        wanted = _wanted(options.only or ())
        found = _run(world, wanted, options.runs, begun)
        curves = []
        for curve in CURVES:
            if not options.only or curve.name in options.only:
                curves.append((curve, measure(world, curve, lambda text: _say(begun, text))))
    text = report.text(wanted, found, curves, abuse.table(found), options.checkout)
    print(f"\n{text}")
    (RESULTS / "realtime.txt").write_text(text)
    if curves:
        (RESULTS / "realtime.svg").write_text(draw(curves))
    print(f"In {RESULTS.relative_to(ROOT)}; took {(time.monotonic() - begun) / 60:.1f} minutes.")


def _options() -> argparse.Namespace:
    known = [job.name for job in (*JOBS, *abuse.JOBS)] + [curve.name for curve in CURVES]
    known.append(abuse.FAMILY)
    names = ", ".join(known)
    parser = argparse.ArgumentParser(prog="python -m benchmarks.realtime")
    parser.add_argument(
        "--only", action="append", metavar="NAME", help=f"run this one; again for more: {names}"
    )
    parser.add_argument("--runs", type=int, default=5, help="of each job; the median counts  [5]")
    parser.add_argument(
        "--checkout", type=Path, default=ROOT, help="whose server is measured  [this one's]"
    )
    options = parser.parse_args()
    unknown = set(options.only or ()) - set(known)
    if unknown:
        parser.error(f"there is no {', '.join(unknown)}; there are: {names}")
    return options


def _wanted(only: Sequence[str]) -> list[Job]:
    """Return the jobs of these names. The attacks take long and are run only when named, all of
    them by the name of their family."""
    attacks = [job for job in abuse.JOBS if job.name in only or abuse.FAMILY in only]
    return [job for job in JOBS if not only or job.name in only] + attacks


def _run(world: World, jobs: list[Job], runs: int, begun: float) -> report.Results:
    """Run each job on both servers in turn, once in each round, so that drift hits all alike."""
    found: report.Results = {}
    for number in range(runs):
        for job in jobs:
            # Who goes first changes, too.
            for name in (OURS, NODE) if number % 2 else (NODE, OURS):
                _say(begun, f"{number + 1}/{runs} {job.name}: {name} …")
                try:
                    with load(world, name) as one:
                        values = job.run(one)
                except (Failure, OSError) as error:
                    _say(begun, f"    failed: {error}")
                    continue
                for key, value in values.items():
                    found.setdefault(key, {OURS: [], NODE: []})[name].append(value)
                _say(begun, "    " + ", ".join(f"{k} {v:.2f}" for k, v in values.items()))
    return found


def _say(begun: float, text: str) -> None:
    print(f"{time.monotonic() - begun:4.0f} s  {text}", flush=True)


if __name__ == "__main__":
    main()

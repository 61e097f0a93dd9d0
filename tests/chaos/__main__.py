"""``python -m tests.chaos --seed 7 --seconds 120 --clients 300``: runs, checks, and says what it
found. ``python -m tests.chaos check FILE`` judges a history again.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
from pathlib import Path

from tests.chaos import checker, task_checker
from tests.chaos.history import load
from tests.chaos.plan import ALL_KINDS, KINDS, draw
from tests.chaos.run import run

_SHOWN = 40
"""Violations that are printed; all of them are counted."""


def say(text: str) -> None:
    print(text, flush=True)  # noqa: T201


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, help="draws the plan; by default a new one")
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--clients", type=int, default=300)
    parser.add_argument(
        "--faults",
        default=",".join(KINDS),
        help=f"kinds with commas between them, or none; of: {', '.join(ALL_KINDS)}",
    )
    parser.add_argument("--history", type=Path, help="where to write down what happened")
    parser.add_argument(
        "--no-count", action="store_true", help="rooms do not tell their number of viewers"
    )
    parser.add_argument(
        "--margin",
        type=float,
        default=checker.Bounds.margin,
        help="seconds by which all may be seen later than promised: what a busy machine needs",
    )
    parser.add_argument("check", nargs="*", metavar="check FILE", help="judge a history again")
    options = parser.parse_args()
    if options.check:
        word, *paths = options.check
        if word != "check" or len(paths) != 1:
            parser.error("the only word is: check FILE")
        return judge(Path(paths[0]), options)

    seed = random.SystemRandom().randrange(1_000_000) if options.seed is None else options.seed
    kinds = tuple(filter(None, options.faults.removeprefix("none").split(",")))
    if unknown := set(kinds) - set(ALL_KINDS):
        parser.error(f"no such fault: {', '.join(sorted(unknown))}")
    command = (
        f"make chaos ARGS='--seed {seed} --seconds {options.seconds:g}"
        f" --clients {options.clients}"
        + (f' --faults "{",".join(kinds) or "none"}"' if kinds != KINDS else "")
        + (" --no-count" if options.no_count else "")
        + (f" --margin {options.margin:g}" if options.margin != checker.Bounds.margin else "")
        + "'"
    )
    plan = draw(seed, options.seconds, options.clients, kinds)
    say(
        f"seed {seed}: {len(plan.actions)} actions of {plan.clients} tabs,"
        f" {len(plan.asks)} things that happen to tasks, and these faults:"
    )
    for fault in plan.faults:
        say(f"  {fault}")
    path = options.history or Path(tempfile.gettempdir()) / f"chaos-{seed}.jsonl"
    asyncio.run(run(plan, path, command, say))
    return judge(path, options)


def judge(path: Path, options: argparse.Namespace) -> int:
    """Check a history and print what was found; returns the exit code."""
    records = load(path)
    say("checking")
    bounds = checker.Bounds(margin=options.margin)
    verdict = checker.check(
        [record for record in records if not task_checker.is_of_tasks(record)],
        bounds,
        has_count=not options.no_count,
    )
    verdict = verdict.and_of(task_checker.check(records, bounds))
    say("\ndone:")
    for what, number in sorted(verdict.counts.items()):
        say(f"  {number:8d}  {what}")
    say("\nmeasured:")
    for what, text in verdict.worst.items():
        say(f"  {what:38}  {text}")
    if verdict.violations:
        say(f"\n{len(verdict.violations)} violations:")
        for violation in verdict.violations[:_SHOWN]:
            say(f"  {violation}")
        if len(verdict.violations) > _SHOWN:
            say(f"  … and {len(verdict.violations) - _SHOWN} more")
    else:
        say("\nno violation")
    run_of = next((record for record in records if record["kind"] == "run"), {})
    say(f"again:  {run_of.get('command')}")
    say(f"history: {path}   (python -m tests.chaos check {path})")
    return 1 if verdict.violations else 0


if __name__ == "__main__":
    sys.exit(main())

"""``python -m tests.fuzz --seed 7 --seconds 300``: tries every way in, and says what went wrong."""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
from pathlib import Path

from tests.fuzz.run import run


def say(text: str) -> None:
    print(text, flush=True)  # noqa: T201


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seed", type=int, help="draws what is sent; by default a new one")
    parser.add_argument("--seconds", type=float, default=60)
    options = parser.parse_args()
    seed = random.SystemRandom().randrange(1_000_000) if options.seed is None else options.seed
    say(f"make fuzz ARGS='--seed {seed} --seconds {options.seconds:g}'")
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        report = asyncio.run(run(seed, options.seconds, Path(folder)))
    say(str(report))
    return 1 if report.faults else 0


if __name__ == "__main__":
    sys.exit(main())

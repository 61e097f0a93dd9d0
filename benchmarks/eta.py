"""How far off the time left is: ours, tqdm's and rich's, on recorded real runs (recorded_runs.py).

Each run is replayed with a clock of its own to the very code that the three ship. What they say is
compared with what was left in truth, ten times a second, at the moments when all of them say
something: the median error and the one that nine in ten stay below, in percent of the whole run.
tqdm and rich are told of every step that was recorded, as they are in a loop.

``python -m benchmarks.eta`` replays what is committed; with ``--record`` it does all the work anew
first, which takes ten minutes, and what it finds becomes the earlier runs.
"""

from __future__ import annotations

import argparse
import io
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from rich.progress import Progress
from tqdm import tqdm

from benchmarks.recorded_runs import FOLDER, WORK, Run, record, recorded
from presence_progress.estimate import WARM_UP, Estimate, Estimator


class Forecast(Protocol):
    """Told how much is done, says how many seconds are left."""

    def sample(self, now: float, done: int) -> None: ...

    def left(self, now: float) -> float | None: ...


class Ours:
    def __init__(self, total: int, prior: float | None = None) -> None:
        self._total, self._estimator = total, Estimator(prior)

    def sample(self, now: float, done: int) -> None:
        self._estimator.sample(now, done)

    def left(self, now: float) -> float | None:
        estimate = self.estimate(now)
        return None if estimate is None else estimate.eta

    def estimate(self, now: float) -> Estimate | None:
        return self._estimator.estimate(now, self._total)


class Tqdm:
    """With its defaults: a smoothing of 0.3."""

    def __init__(self, total: int) -> None:
        self._now = 0.0
        self._bar = tqdm(total=total, file=io.StringIO(), mininterval=0, miniters=1)
        self._bar._time = lambda: self._now
        self._bar.start_t = self._bar.last_print_t = 0.0

    def sample(self, now: float, done: int) -> None:
        self._now = now
        if done > self._bar.n:
            self._bar.update(done - self._bar.n)

    def left(self, now: float) -> float | None:
        """As ``format_meter`` has it."""
        self._now = now
        bar = self._bar.format_dict
        rate = bar["rate"] or (bar["n"] / bar["elapsed"] if bar["elapsed"] else 0)
        return (bar["total"] - bar["n"]) / rate if rate else None


class Rich:
    """With its defaults: the mean of the last 30 seconds."""

    def __init__(self, total: int) -> None:
        self._now = 0.0
        self._progress = Progress(get_time=lambda: self._now, auto_refresh=False)
        self._task = self._progress.add_task("", total=total)

    def sample(self, now: float, done: int) -> None:
        self._now = now
        if done > self._progress.tasks[0].completed:
            self._progress.update(self._task, completed=done)

    def left(self, now: float) -> float | None:
        self._now = now
        return self._progress.tasks[0].time_remaining


# --- replaying ----------------------------------------------------------------------------------


class Error(NamedTuple):
    """Of one forecast in one run, as a share of its duration."""

    median: float
    nine_in_ten: float


def replay(run: Run, forecasts: Sequence[Forecast]) -> list[Error]:
    """Return what came of each forecast, at the moments when all of them said something."""
    errors: list[list[float]] = [[] for _ in forecasts]
    for now, done in run.samples[:-1]:
        for forecast in forecasts:
            forecast.sample(now, done)
        said = [forecast.left(now) for forecast in forecasts]
        if now < WARM_UP or None in said:
            continue
        for left, found in zip(said, errors, strict=True):
            found.append(abs((left or 0) - (run.seconds - now)) / run.seconds)
    return [
        Error(statistics.median(found), statistics.quantiles(found, n=10)[-1]) for found in errors
    ]


def in_range(run: Run, prior: float | None = None) -> float:
    """Return at which share of the moments the truth was in our range."""
    ours, hits = Ours(run.total, prior), []
    for now, done in run.samples[:-1]:
        ours.sample(now, done)
        estimate = ours.estimate(now)
        if estimate is not None and now >= WARM_UP:
            hits.append(estimate.low <= run.seconds - now <= estimate.high)
    return statistics.fmean(hits)


# --- telling ------------------------------------------------------------------------------------


class Row(NamedTuple):
    """One line of the table."""

    errors: list[Error]
    """Ours, tqdm's, rich's, and ours with what earlier runs have taken."""
    hits: tuple[float, float]
    """How often the truth was in our range, without and with that."""


def look(run: Run) -> Row:
    total = run.total
    forecasts: list[Forecast] = [Ours(total), Tqdm(total), Rich(total), Ours(total, run.earlier)]
    return Row(replay(run, forecasts), (in_range(run), in_range(run, run.earlier)))


def mean(rows: Sequence[Row]) -> Row:
    """Return the mean of several runs, each of which counts the same."""
    errors = [
        Error(*map(statistics.fmean, zip(*of_one, strict=True)))
        for of_one in zip(*(row.errors for row in rows), strict=True)
    ]
    first, second = (statistics.fmean(row.hits[n] for row in rows) for n in (0, 1))
    return Row(errors, (first, second))


def show(runs: Sequence[Run]) -> None:
    rows = [(run, look(run)) for run in runs]
    print("error of the time left, % of the run: median / 9 in 10 below; truth within our range, %")
    print(f"{'':28}{'tqdm':>15}{'rich':>15}{'ours':>15}  range{'with earlier runs':>20}  range")
    for kind in WORK:
        of_kind = [(run, row) for run, row in rows if run.kind == kind]
        for run, row in of_kind:
            print(_line(f"  {run.name}", f"{run.seconds:.0f} s", row))
        print(_line(kind, "", mean([row for _, row in of_kind])))
    print(_line("all", "", mean([row for _, row in rows])))


def _line(name: str, seconds: str, row: Row) -> str:
    ours, tqdms, richs, informed = (
        f"{100 * error.median:7.1f} /{100 * error.nine_in_ten:6.1f}" for error in row.errors
    )
    hits, informed_hits = (f"{100 * share:7.0f}" for share in row.hits)
    return f"{name:<20} {seconds:>7}{tqdms}{richs}{ours}{hits}{informed:>20}{informed_hits}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--record", action="store_true", help="do the work anew first")
    parser.add_argument("--recordings", type=Path, default=FOLDER, help="the folder of the runs")
    arguments = parser.parse_args()
    if arguments.record:
        record(arguments.recordings)
    show(list(recorded(arguments.recordings)))

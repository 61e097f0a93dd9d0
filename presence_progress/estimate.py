"""How fast, how long still, how much of it: pure functions of samples, without a clock of their
own."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, isfinite

WARM_UP = 2.0
"""Seconds before anything is said without a prior: the first steps of a job speak of its start, not
of its work."""
MEMORIES = 1 / 4, 1 / 16, 1e9
"""How far back it is remembered, as a share of the past: long enough to be steady, and a change is
believed the sooner the less there was before. The first is the pace that is told; that of late and
the mean of all are for the range."""
MIN_MEMORY = 2.0
"""Seconds."""
MIN_STEPS = 10
"""Or times that something was done: few and slow steps vary, and no fewer of them are
remembered."""
SEEN_MARGIN = 0.1
UNSEEN_MARGIN = 0.4
"""What the range has on both sides, for what was seen and for the share that was not."""
MAX_CHANGE = 2.0
"""As much as the pace has changed so far it may change again, up to this: beyond it, it has changed
once and for all, and "from 1 to 900 seconds" says nothing."""
TREND = 0.5
"""How much of that change is expected to come again: all of it would follow every whim."""
PRIOR_MARGIN = 1.3
"""How many times as long as earlier runs, or as short, this one may well take."""
LATEST_RUN = 0.3
"""Weight of a run against those before it: the last three or so count."""


def percent(done: int, total: int | None, *, ended: bool) -> int | None:
    """Return floor(100 · done / total), and 100 only when the work has ended; None when the total
    is unknown."""
    if total is None:
        return None
    if ended:
        return 100
    return min(99, 100 * done // total) if total > 0 else 0


def remembered(prior: float | None, seconds: float, done: int) -> float | None:
    """Return the seconds a step that are to be remembered after a run of a method; None while
    nothing is known.

    A geometric mean, in which one run that took a thousand times as long counts as a few times.
    """
    latest = seconds / done if done > 0 else 0.0
    if not isfinite(latest) or latest <= 0:
        return prior
    if prior is None or not isfinite(prior) or prior <= 0:
        return latest
    return float(prior ** (1 - LATEST_RUN) * latest**LATEST_RUN)


@dataclass(frozen=True)
class Estimate:
    """Seconds left, and from where to where they may be."""

    eta: float
    low: float
    high: float


class Estimator:
    """Rate and time left from samples of how much is done.

    Everything is judged at the moment when something was last seen to be done: between two such
    moments there is only silence, and what that means. ``prior`` is what :func:`remembered` has
    said of earlier runs; it is believed at once, and the less the further this run is.
    """

    def __init__(self, prior: float | None = None) -> None:
        self._prior = prior if prior is not None and isfinite(prior) and prior > 0 else None
        self._begun: float | None = None

    def sample(self, now: float, done: int) -> None:
        """Note how far the work is; ``now`` in seconds of any clock that only goes forward.

        A count that falls begins anew, and without the prior: it counts something else.
        """
        if self._begun is None:
            self._begin(now, done)
        elif done < self._done:
            self._prior = None
            self._begin(now, done)
        elif done > self._done:
            self._advance(now, done)

    def rate(self, now: float) -> float | None:
        """Return the steps a second, or None before the warm-up is over; it falls while nothing is
        done for longer than ever."""
        if not self._warm(now):
            return None
        return 1 / self._paces[0].seconds(self._late(now))

    def estimate(self, now: float, total: int | None) -> Estimate | None:
        """Return the seconds left, or None when the total is unknown or nothing can be said yet.

        While nothing is done it counts down for as long as a step usually takes, stays until the
        longest one is over, and then grows: what is late is expected to be as late again.
        """
        if total is None or self._begun is None:
            return None
        left = total - self._done
        if left <= 0:
            return Estimate(0.0, 0.0, 0.0)
        judged = self._judge(now, left)
        if judged is None:
            return None
        eta, low, high = judged
        silent, late = self._silent(now), self._late(now)
        low = max(0.0, low - silent)
        eta = max(low, eta - min(silent, self._usual)) + late
        return Estimate(eta, low, high + 2 * late)

    # --- what is known -----------------------------------------------------------------------

    def _begin(self, now: float, done: int) -> None:
        self._begun = self._moved = now
        self._first = self._done = done
        self._times = 0
        self._usual = self._longest = self._prior or 0.0
        self._paces = [_Pace(memory) for memory in MEMORIES]

    def _advance(self, now: float, done: int) -> None:
        seconds, steps = now - self._moved, done - self._done
        self._moved, self._done = now, done
        self._times += 1
        self._usual = self._elapsed / self._times
        self._longest = max(self._longest, seconds)
        for pace in self._paces:
            pace.add(seconds, steps, self._elapsed, self._times)

    @property
    def _elapsed(self) -> float:
        return self._moved - (self._begun or 0.0)

    def _silent(self, now: float) -> float:
        return max(0.0, now - self._moved)

    def _late(self, now: float) -> float:
        return max(0.0, self._silent(now) - self._longest)

    def _warm(self, now: float) -> bool:
        return self._begun is not None and self._elapsed > 0 and now - self._begun >= WARM_UP

    def _judge(self, now: float, left: int) -> tuple[float, float, float] | None:
        """Return the seconds left, and from where to where, at the moment of the last step."""
        own = self._own(left) if self._elapsed > 0 else None
        if self._prior is None:
            return own if self._warm(now) else None
        seen = self._done - self._first
        whole = self._prior * (seen + left)
        rest = max(0.0, whole - self._elapsed)
        earlier = rest, rest / PRIOR_MARGIN, rest * PRIOR_MARGIN
        if own is None:
            return earlier
        # By half of the steps, or half of the time, this run counts as much as those before it.
        trust = max(0.0, 1 - max(seen / (seen + left), self._elapsed / whole))
        eta, low, high = (
            trust * then + (1 - trust) * now for then, now in zip(earlier, own, strict=True)
        )
        return eta, low, high

    def _own(self, left: int) -> tuple[float, float, float]:
        """Return the same by what was seen of this run alone."""
        lately, latest, mean = (pace.seconds() for pace in self._paces)
        fastest, slowest = min(lately, latest, mean), max(lately, latest, mean)
        change = min(slowest / fastest, MAX_CHANGE)
        seen = self._done - self._first
        # Work that slows down goes on to, as long as there is as much left as was seen.
        trend = min(change, max(1 / change, lately / mean)) ** (TREND * min(1.0, left / seen))
        margin = 1 + SEEN_MARGIN + UNSEEN_MARGIN * left / (seen + left)
        low, high = fastest / change / margin, slowest * change * margin
        return left * lately * trend, left * low, left * high


class _Pace:
    """Seconds a step, in which the past counts the less the longer it is ago."""

    def __init__(self, memory: float) -> None:
        self._memory = memory
        self._seconds = self._steps = 0.0

    def add(self, seconds: float, steps: int, elapsed: float, times: int) -> None:
        """Note that ``steps`` took ``seconds``, for the ``times``-th time."""
        memory = elapsed * max(self._memory, MIN_STEPS / times)
        kept = exp(-seconds / max(MIN_MEMORY, memory))
        self._seconds = self._seconds * kept + seconds
        self._steps = self._steps * kept + steps

    def seconds(self, late: float = 0.0) -> float:
        """Return the seconds a step, the one under way being late."""
        return (self._seconds + late) / self._steps

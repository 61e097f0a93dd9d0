"""How fast, how long still, how much of it: pure functions of samples, without a clock of their
own."""

from __future__ import annotations

from collections import deque

WINDOW = 30.0
"""Seconds of the past that the rate is taken from: long enough to be steady, short enough to follow
a change."""
WARM_UP = 2.0
"""Seconds before a rate is shown at all; the first steps of a job speak of its start, not of its
work."""
MAX_SAMPLES = 200


def percent(done: int, total: int | None, *, ended: bool) -> int | None:
    """Return floor(100 · done / total), and 100 only when the work has ended; None when the total
    is unknown."""
    if total is None:
        return None
    if ended:
        return 100
    return min(99, 100 * done // total) if total > 0 else 0


class Estimator:
    """Rate and time left from ``(time, done)`` samples of the last 30 seconds."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, int]] = deque(maxlen=MAX_SAMPLES)

    def sample(self, now: float, done: int) -> None:
        """Note how far the work is; ``now`` in seconds of any clock that only goes forward."""
        if self._samples and done < self._samples[-1][1]:
            self._samples.clear()  # the count began anew, and so does the rate
        self._samples.append((now, done))
        while now - self._samples[0][0] > WINDOW and len(self._samples) > 2:
            self._samples.popleft()

    @property
    def rate(self) -> float | None:
        """Steps a second, or None before the warm-up is over."""
        if len(self._samples) < 2:
            return None
        (first_time, first_done), (last_time, last_done) = self._samples[0], self._samples[-1]
        elapsed = last_time - first_time
        return (last_done - first_done) / elapsed if elapsed >= WARM_UP else None

    def eta(self, total: int | None) -> float | None:
        """Seconds left, or None when the total or the rate is unknown."""
        rate = self.rate
        if total is None or not rate:
            return None
        return max(0.0, (total - self._samples[-1][1]) / rate)

"""What Frappe has said and somebody stands on, and which of it is checked next.

No I/O and no clock of its own: times are seconds.
"""

from __future__ import annotations

import heapq
import itertools
from collections import deque
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Generic, TypeVar

H = TypeVar("H", bound=Hashable)
W = TypeVar("W", bound=Hashable)

_EARLY = 20
"""Claims that are checked before they are due: together, a question for each would be dear."""


@dataclass(eq=False)
class Claim(Generic[W, H]):
    """One thing that is believed of a user, since when, and who stands on it: how often each."""

    __slots__ = ("checked_at", "holders", "ticket", "user", "what")

    user: str
    what: W
    checked_at: float
    holders: dict[H, int]
    ticket: int
    """Of its entry in the queue, the others are void; 0 while it is being checked."""


class Claims(Generic[W, H]):
    """Claims in the order in which they are to be checked: what is doubted, then the oldest.

    Each is checked when it is ``renewal`` seconds old. Of many, some are checked earlier all the
    time, so that those who came together do not ask together for ever.
    """

    def __init__(self, renewal: float) -> None:
        self._renewal = renewal
        self._by_user: dict[str, dict[W, Claim[W, H]]] = {}
        self._held = 0
        self._queue: list[tuple[float, int, Claim[W, H]]] = []
        """A heap by when each was checked; what has been checked again since is void in it."""
        self._doubted: dict[Claim[W, H], float] = {}
        """Since when; until they are confirmed by an answer that was asked for later."""
        self._put_off: deque[tuple[float, Claim[W, H]]] = deque()
        self._all_doubted_at = float("-inf")
        self._tickets = itertools.count(1)
        self._early = 0.0
        """How many may be checked before they are due."""
        self._early_at: float | None = None

    def __len__(self) -> int:
        """Return how many somebody stands on."""
        return self._held

    # --- who stands on what ---

    def hold(self, user: str, what: W, holder: H, checked_at: float, *, doubted: bool) -> None:
        """Have a holder stand on something, once more; ``doubted`` when it is to be checked at
        once."""
        of_user = self._by_user.setdefault(user, {})
        claim = of_user.get(what)
        if claim is None:
            claim = of_user[what] = Claim(user, what, checked_at, {}, 0)
            self._enqueue(claim)
        elif not doubted or not claim.holders:
            claim.checked_at = max(claim.checked_at, checked_at)
        self._held += not claim.holders
        claim.holders[holder] = claim.holders.get(holder, 0) + 1
        if doubted:
            self._doubted[claim] = checked_at

    def release(self, user: str, what: W, holder: H) -> None:
        """Take one :meth:`hold` back."""
        claim = self._by_user.get(user, {}).get(what)
        if claim is None or holder not in claim.holders:
            return
        claim.holders[holder] -= 1
        if not claim.holders[holder]:
            del claim.holders[holder]
            # It keeps its place, so that joining and leaving over and over adds nothing.
            self._held -= not claim.holders
            if not claim.holders and self._doubted.pop(claim, None) is not None:
                claim.checked_at = float("-inf")

    def end(self, claim: Claim[W, H]) -> list[H]:
        """Forget a claim; returns who stood on it."""
        of_user = self._by_user.get(claim.user, {})
        if of_user.get(claim.what) is not claim:
            return []
        del of_user[claim.what]
        if not of_user:
            del self._by_user[claim.user]
        self._doubted.pop(claim, None)
        self._held -= bool(claim.holders)
        claim.ticket = 0
        return list(claim.holders)

    # --- what is checked ---

    def doubt(self, user: str, now: float) -> None:
        """Have all of a user's checked at once, or, with an empty name, everybody's."""
        if user:
            for claim in self._by_user.get(user, {}).values():
                if claim.holders:
                    self._doubted[claim] = now
                else:
                    claim.checked_at = float("-inf")  # rechecked first once it is in use again
        else:
            self._all_doubted_at = now

    def take(self, now: float, most: int) -> list[Claim[W, H]]:
        """Return what is to be checked now; each is out of the line until
        :meth:`confirm`, :meth:`end` or :meth:`put_off`."""
        self._return_put_off(now)
        doubted, due = self._next_doubted(), self._next_due(now, most)
        # Half of the places at least are for what is due: one user who is doubted all the time
        # does not hold up the others.
        taken = [*islice(doubted, most - most // 2)]
        taken += islice(due, most - len(taken))
        taken += islice(doubted, most - len(taken))
        return taken

    def late(self, now: float, before: float, most: int) -> list[Claim[W, H]]:
        """Return some that were last checked before a time; they are taken, too."""
        self._return_put_off(now)
        late: list[Claim[W, H]] = []
        while len(late) < most and (claim := self._oldest()):
            if claim.checked_at >= before:
                break
            self._pop(claim)
            late.append(claim)
        return late

    def confirm(self, claim: Claim[W, H], asked_at: float) -> None:
        """Take note that it is still so, as somebody said who was asked then."""
        claim.checked_at = max(claim.checked_at, asked_at)
        if self._doubted.get(claim, asked_at) < asked_at:
            del self._doubted[claim]
        self._enqueue(claim)

    def put_off(self, taken: Iterable[Claim[W, H]], until: float) -> None:
        """Take those again, but not before a time, of which nothing was said."""
        self._put_off.extend((until, claim) for claim in taken if not claim.ticket)

    def _return_put_off(self, now: float) -> None:
        while self._put_off and self._put_off[0][0] <= now:
            self._enqueue(self._put_off.popleft()[1])

    def _enqueue(self, claim: Claim[W, H]) -> None:
        if self._by_user.get(claim.user, {}).get(claim.what) is not claim:
            return  # ended meanwhile
        claim.ticket = next(self._tickets)
        heapq.heappush(self._queue, (claim.checked_at, claim.ticket, claim))

    def _oldest(self) -> Claim[W, H] | None:
        """Return the first in the queue, without those that are void or that nobody stands on."""
        while self._queue:
            checked_at, ticket, claim = self._queue[0]
            if ticket == claim.ticket and claim.holders and checked_at == claim.checked_at:
                return claim
            heapq.heappop(self._queue)
            if ticket == claim.ticket:
                if claim.holders:
                    self._enqueue(claim)  # known anew since
                else:
                    self.end(claim)
        return None

    def _pop(self, claim: Claim[W, H]) -> None:
        heapq.heappop(self._queue)
        claim.ticket = 0

    def _next_doubted(self) -> Iterator[Claim[W, H]]:
        for claim in list(islice(self._doubted, 10_000)):
            if claim.ticket and claim.holders:
                claim.ticket = 0
                yield claim

    def _next_due(self, now: float, most: int) -> Iterator[Claim[W, H]]:
        # At most what should have been checked in a quarter of the time: not all after a pause.
        passed = now - (now if self._early_at is None else self._early_at)
        grown = self._early + self._held * passed / self._renewal
        self._early, self._early_at = min(grown, self._held / 4), now
        goes_early = self._early >= min(_EARLY, most)
        while claim := self._oldest():
            is_due = claim.checked_at <= max(now - self._renewal, self._all_doubted_at)
            if not is_due and not (goes_early and self._early >= 1):
                return
            self._early = max(0.0, self._early - 1)
            self._pop(claim)
            yield claim

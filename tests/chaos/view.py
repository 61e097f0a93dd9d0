"""What a watcher believes about one room: the rules of ``public/js/client/room.js``, in Python.

The driver asks by them, the checker replays by them.
"""

from __future__ import annotations

from collections.abc import Callable

from presence_progress.rooms import Change, Snapshot, apply_change

OnState = Callable[[Snapshot], None]


class View:
    """One room on one connection; ``on_state`` is called with every state that is believed."""

    def __init__(self, on_state: OnState = lambda _: None) -> None:
        self.snapshot: Snapshot | None = None
        self._held: list[Change] | None = None
        self._on_state = on_state

    def ask(self) -> None:
        """The snapshot is being asked for: what comes meanwhile is held."""
        self._held = []

    def hear_state(self, snapshot: Snapshot) -> bool:
        """Take a snapshot and what was held; returns whether another one must be asked for."""
        known, held = self.snapshot, self._held
        if held is None and known and (known.epoch == snapshot.epoch and snapshot.seq < known.seq):
            self._held = []
            return True
        self._held = None
        self._believe(snapshot)
        # All of them: what comes after a gap is held again.
        outcomes = [self.hear_change(change) for change in held or []]
        return any(outcomes)

    def hear_change(self, change: Change) -> bool:
        """Take a change; returns whether a snapshot must be asked for."""
        if self._held is not None or self.snapshot is None:
            self._held = [*(self._held or []), change]
            return False
        outcome, snapshot = apply_change(self.snapshot, change)
        if outcome == "resync":
            self._held = []
            return True
        if outcome == "applied":
            self._believe(snapshot)
        return False

    def _believe(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self._on_state(snapshot)

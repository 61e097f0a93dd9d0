"""Which rooms are due for a sweep: where something happens by itself, and when.

One sorted set for all sites and all kinds of rooms. Whoever writes a room in which a lease may end
notes it here first; any server takes what is due, sweeps it, and notes when it is due again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from presence_progress import keys, rooms
from presence_progress.settings import DUE_TTL, SWEEP_CLAIM

Place = tuple[str, str]
"""A site and a room."""


@dataclass(frozen=True)
class Due:
    """Rooms taken for sweeping, until ``claimed_until`` (ms, by the scripts' clock); after
    that others may take them."""

    claimed_until: int
    rooms: list[Place]


def take_call(limit: int) -> rooms.Call[Due]:
    """Take rooms in which something may be due, for whoever sweeps."""

    def read(reply: list[Any]) -> Due:
        claimed_until, *places = reply
        return Due(int(claimed_until), [keys.read_place(rooms.text(place)) for place in places])

    return rooms.Call("due_take", [keys.DUE], [limit, SWEEP_CLAIM, DUE_TTL], read)


def schedule_call(site: str, room: str, claimed_until: int, due: int) -> rooms.Call[None]:
    """Note in how many ms a swept room is due again; -1 for never."""
    return rooms.Call(
        "due_set", [keys.DUE], [keys.place(site, room), claimed_until, due], lambda reply: None
    )


def note(site: str, room: str) -> list[tuple[str | int, ...]]:
    """Return the commands that note a room, to be sent before it is written."""
    # Before: a crash in between leaves a room to look at in vain, never a ghost that nobody looks
    # for. Score 0, so that no clock but Redis's is asked; the sweep finds out when something is due
    # next.
    return [("ZADD", keys.DUE, 0, keys.place(site, room)), ("EXPIRE", keys.DUE, DUE_TTL)]


def note_call(site: str, room: str) -> rooms.Call[None]:
    """Note a room that was written already."""
    return rooms.Call("", (), (), lambda reply: None, note(site, room))

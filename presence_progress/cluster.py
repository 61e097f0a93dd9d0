"""A Redis or Valkey Cluster: which node has which slots, what its refusals mean, and a client for
writers.

redis-py has a client for clusters, too. While one shard is away, each of its failures makes it
learn the whole cluster anew and cut the connections to all the other shards; here a shard that is
away is nobody's trouble but its own rooms'.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from redis.crc import key_slot
from redis.exceptions import (
    AskError,
    ClusterDownError,
    ConnectionError,
    MasterDownError,
    MovedError,
    ReadOnlyError,
    RedisError,
    ResponseError,
    TimeoutError,
    TryAgainError,
)

from presence_progress.address import ClusterAddress, Place

SLOTS = 16384
PAUSES = (0.0, 0.1, 0.4)
"""Seconds before a command is tried again: long enough for a slot that moves, too short for a
failover, whose end nobody waits for."""
REFRESH_INTERVAL = 0.2
"""Seconds from one look at the slots to the next: what many find out together is asked once."""


@dataclass(frozen=True)
class Slots:
    """Which primary has which slots; a slot that nobody has is None."""

    owners: Sequence[Place | None]

    @property
    def primaries(self) -> list[Place]:
        return sorted({owner for owner in self.owners if owner})

    def owner(self, key: str) -> Place:
        """Return the primary that has a key; ``ClusterDownError`` when none has."""
        slot = key_slot(key.encode())
        owner = self.owners[slot]
        if owner is None:
            raise ClusterDownError(f"CLUSTERDOWN no node has slot {slot}")
        return owner


def read_slots(reply: Iterable[Any], asked: Place) -> Slots:
    """Read the answer to ``CLUSTER SLOTS`` of the node that was asked; ``ClusterDownError`` when
    it knows of none."""
    owners: list[Place | None] = [None] * SLOTS
    known = False
    for first, last, primary, *_ in reply:
        host = _text(primary[0])
        # One that does not know its own name is where it was found.
        place = (host if host not in ("", "?") else asked[0], int(primary[1]))
        owners[int(first) : int(last) + 1] = [place] * (int(last) + 1 - int(first))
        known = True
    if not known:
        raise ClusterDownError(f"CLUSTERDOWN {asked[0]}:{asked[1]} knows of no slots")
    return Slots(owners)


def _text(host: Any) -> str:
    return host.decode() if isinstance(host, bytes) else str(host or "")


class Verdict(NamedTuple):
    """What a failure means: ``ask`` goes to ``place`` this once; ``again`` may do better with new
    slots, or later; ``final`` will not."""

    kind: Literal["ask", "again", "final"]
    place: Place = ("", 0)


_AGAIN = re.compile("(MOVED|CLUSTERDOWN|TRYAGAIN|MASTERDOWN|READONLY|LOADING) ")
_ASK = re.compile(r"(?:ASK )?\d+ (\S*):(\d+)$")


def judge(error: Exception, asked: Place) -> Verdict:
    """Say what the failure of a command means. redis-py's kinds of it are not alike everywhere:
    where it has none, the text says the same."""
    text = str(error)
    is_ask = isinstance(error, AskError) and not isinstance(error, MovedError)
    if (is_ask or text.startswith("ASK ")) and (place := _ASK.match(text)):
        return Verdict("ask", (place[1] or asked[0], int(place[2])))
    # A node that answers nothing has taken all the time there was.
    if isinstance(error, TimeoutError):
        return Verdict("final")
    kinds = (
        ConnectionError, OSError, MovedError, ClusterDownError, TryAgainError, MasterDownError,
        ReadOnlyError,
    )  # fmt: skip
    if isinstance(error, kinds) or (isinstance(error, ResponseError) and _AGAIN.match(text)):
        return Verdict("again")
    return Verdict("final")


def places_to_ask(
    address: ClusterAddress, slots: Slots | None, suspect: Place | None = None
) -> list[Place]:
    """Return whom to ask for the slots: those that have some, in any order, then those that were
    named, and last the one that has just failed."""
    known = slots.primaries if slots else []
    random.shuffle(known)
    places = [*known, *(place for place in address.nodes if place not in known)]
    return sorted(places, key=lambda place: place == suspect)


class Cluster:
    """Runs commands on whichever node has their key. Threads may share it.

    ``connect`` makes a client of redis-py's for a URL. Nothing is sent before the first command.
    """

    def __init__(self, address: ClusterAddress, connect: Callable[[str], Any]) -> None:
        self._address = address
        self._connect = connect
        self._clients: dict[Place, Any] = {}
        self._slots: Slots | None = None
        self._looked_at = float("-inf")

    def execute_command(self, *command: str | int) -> Any:
        """Run a command with a key, or a script with keys of one slot, and return its reply."""
        key = key_of(command)
        for pause in (*PAUSES, None):
            asked = ("", 0)
            try:
                asked = self._owner(key)
                return self._client(asked).execute_command(*command)
            except (RedisError, OSError) as error:
                verdict = judge(error, asked)
                if verdict.kind == "ask":
                    return self._ask(verdict.place, command)
                if isinstance(error, TimeoutError):
                    # Its successor, if it gets one, is for the next command.
                    with suppress(RedisError, OSError):
                        self._refresh(asked)
                if verdict.kind == "final" or pause is None:
                    raise
            time.sleep(pause)
            self._refresh(asked)
        raise AssertionError("unreachable")

    def close(self) -> None:
        for client in self._clients.values():
            client.close()

    def slots(self) -> Slots:
        """Return which primary has which slots, as a node says it now."""
        self._refresh()
        assert self._slots
        return self._slots

    def _owner(self, key: str) -> Place:
        return (self._slots or self.slots()).owner(key)

    def _client(self, place: Place) -> Any:
        if place not in self._clients:
            self._clients[place] = self._connect(self._address.url(place))
        return self._clients[place]

    def _ask(self, place: Place, command: Sequence[str | int]) -> Any:
        with self._client(place).pipeline(transaction=False) as pipeline:
            pipeline.execute_command("ASKING")
            pipeline.execute_command(*command)
            return pipeline.execute()[-1]

    def _refresh(self, suspect: Place | None = None) -> None:
        if self._slots and time.monotonic() - self._looked_at < REFRESH_INTERVAL:
            return
        self._looked_at = time.monotonic()
        failure: Exception | None = None
        for place in places_to_ask(self._address, self._slots, suspect):
            try:
                reply = self._client(place).execute_command("CLUSTER", "SLOTS")
                self._slots = read_slots(reply, place)
                return
            except (RedisError, OSError) as error:
                failure = error
        assert failure
        raise failure


def key_of(command: Sequence[str | int]) -> str:
    """Return the key that says where a command goes: a script's first, else its first argument."""
    return str(command[3] if command[0] in ("EVAL", "EVALSHA") else command[1])

"""What waits to be sent to one client, and when it is too much. No I/O and no clock of its own.

A client is judged by what it could have read. What is published at once, or while it reads a large
message, waits; only who takes nothing of it for a while is too slow.
"""

from __future__ import annotations

from typing import Any

from presence_progress.settings import Limits

HARD_LIMIT = 4
"""So many times :attr:`Limits.backlog` is too much for anybody: it bounds the memory."""


class Message:
    """A text to be sent, as Engine.IO's packets are; one for all clients that have to wait for it.

    A broadcast of megabytes to a thousand slow clients is kept once.
    """

    __slots__ = ("_text", "data", "frame")

    def __init__(self, data: bytes, frame: bytes) -> None:
        self.data = data
        """In UTF-8, with the type of an Engine.IO message before it."""
        self.frame = frame
        """The same, as it is written to a WebSocket."""
        self._text: str | None = None

    def encode(self, b64: bool = False) -> str:
        if self._text is None:
            self._text = self.data.decode()
        return self._text


class Backlog:
    """Packets in the order in which they are to be sent."""

    __slots__ = ("_began", "_largest", "_taken", "_unsent", "packets", "size")

    def __init__(self) -> None:
        self.packets: list[Any] = []
        self.size = 0
        """About as many bytes: of texts that are not encoded yet, it is the characters."""
        self._largest = 0
        self._began = 0.0
        self._taken = float("-inf")
        self._unsent = 0

    def add(self, packet: Any, now: float, unsent: int) -> None:
        """Put a packet last. ``unsent`` bytes were sent before it and have not left yet."""
        size = len(packet.data or "")
        if not self.packets:
            self._began, self._unsent = now, unsent
        self.packets.append(packet)
        self.size += size
        self._largest = max(self._largest, size)

    def take(self, count: int, now: float, unsent: int = 0) -> list[Any]:
        """Take the first packets out, as the client is ready for them."""
        taken, self.packets = self.packets[:count], self.packets[count:]
        self._taken, self._unsent = now, unsent
        if self.packets:
            self.size -= sum(len(packet.data or "") for packet in taken)
        else:
            self.size = self._largest = 0
        return taken

    def last_taken(self, now: float, unsent: int) -> float:
        """Return when the client took something last, as far as it was looked at."""
        if unsent < self._unsent:
            self._taken = now
        self._unsent = unsent
        return self._taken

    def is_too_long(self, limits: Limits, now: float, unsent: int) -> bool:
        """Return whether the client is to be disconnected.

        The largest packet does not count: however large it is, it may be sent.
        """
        behind = self.size - self._largest
        if behind <= limits.backlog:
            return False
        waited = now - max(self._began, self.last_taken(now, unsent))
        return behind > HARD_LIMIT * limits.backlog or waited > limits.read_seconds

"""Events to sockets: one, a room, or everybody. The only module that knows how a frame is sent.

A broadcast is encoded once and framed once: frames of a server carry no mask, so the same bytes
serve every WebSocket. What has come at once for one room is written at once, too. So one write for
each socket is all that is left. Whoever polls, is in the middle of an upgrade or has not read yet
what came before gets the same packets in line.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from engineio import packet as eio_packet  # type: ignore[import-untyped]

from presence_progress.server import engine
from presence_progress.server.bus import Event
from presence_progress.settings import MAX_CHANGES_BEHIND

_encode = msgspec.json.encode
_compact = msgspec.json.format


class Fanout:
    """Speaks to the sockets of this process; a site is a Socket.IO namespace."""

    def __init__(self, sio: engine.Server) -> None:
        self._sio = sio
        self._connections = sio.eio.sockets
        self._rooms = sio.manager.rooms
        """By namespace and room: socket → connection, both by their ids."""

    def to_socket(self, site: str, sid: str, event: str, *message: Any) -> None:
        """Send an event with one argument, or none."""
        namespace = f"/{site}"
        packet = _packet(namespace, event, *map(_encode, message))
        self._send(self._members(namespace, sid), [packet], [None])

    def to_room(self, site: str, room: str, event: str, message: Any) -> None:
        self.pass_on(site, room, [Event(event, msgspec.Raw(_encode(message)))])

    def pass_on(self, site: str, room: str | None, events: Sequence[Event]) -> None:
        """Send events of Frappe's to a room; without one, to all sockets of the site."""
        namespace = f"/{site}"
        members = self._members(namespace, room)
        if not members:
            return
        packets = [_packet(namespace, event.event, _read(event.message)) for event in events]
        # What has state needs no line: who is behind is sent the room whole, once he catches up.
        states = [
            (namespace, room) if room and event.event == "room_change" else None for event in events
        ]
        self._send(members, packets, states)

    def to_everybody(self, event: Event) -> None:
        """Send to all sockets of all sites: what Frappe publishes without a room."""
        for namespace in list(self._rooms):
            self.pass_on(namespace[1:], None, [event])

    async def join(self, site: str, sid: str, room: str) -> None:
        await self._sio.enter_room(sid, room, namespace=f"/{site}")

    async def leave(self, site: str, sid: str, room: str) -> None:
        await self._sio.leave_room(sid, room, namespace=f"/{site}")

    def _members(self, namespace: str, room: str | None) -> Iterable[str]:
        members = self._rooms.get(namespace, {}).get(room)
        return members.values() if members else ()

    def _send(
        self,
        members: Iterable[str],
        packets: Sequence[bytes],
        states: Sequence[tuple[str, str] | None],
    ) -> None:
        frames = b"".join(map(_frame, packets))
        for eio_sid in members:
            connection = self._connections.get(eio_sid)
            if connection is None or connection.write(frames):
                continue
            for packet, state in zip(packets, states, strict=True):
                if state and connection.backlog >= MAX_CHANGES_BEHIND:
                    connection.missed.add(state)
                else:
                    text = packet[1:].decode()
                    connection.put(eio_packet.Packet(eio_packet.MESSAGE, text))


def _read(message: msgspec.Raw) -> bytes:
    """Return a message as it goes on; Frappe indents its JSON."""
    text = bytes(message)
    return _compact(text, indent=-1) if b"\n" in text else text


def _packet(namespace: str, event: str, *message: bytes) -> bytes:
    """Return an event as Engine.IO and Socket.IO spell it, from JSON that is not read again."""
    arguments = b",".join((_encode(event), *message))
    return b"42%b,[%b]" % (namespace.encode(), arguments)


def _frame(packet: bytes) -> bytes:
    """Return the one WebSocket frame of a text, as a server sends it: without a mask."""
    length = len(packet)
    if length < 126:
        return b"\x81%c%b" % (length, packet)
    if length < 65536:
        return b"\x81\x7e%b%b" % (length.to_bytes(2, "big"), packet)
    return b"\x81\x7f%b%b" % (length.to_bytes(8, "big"), packet)

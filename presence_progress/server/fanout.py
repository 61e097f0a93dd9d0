"""Events to sockets: one, a room, or everybody. The only module that knows how a frame is sent.

A broadcast is encoded once and framed once: frames of a server carry no mask, so the same bytes
serve every WebSocket. What has come at once for one room is written at once, too. So one write for
each socket is all that is left. Whoever polls, is in the middle of an upgrade or has not read yet
what came before gets the same packets in line.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from types import SimpleNamespace
from typing import Any

import msgspec
from engineio import packet as eio_packet  # type: ignore[import-untyped]
from socketio import packet as sio_packet

from presence_progress.server.backlog import Message
from presence_progress.server.bus import Event
from presence_progress.server.engine import Connection
from presence_progress.server.websocket import frame_of
from presence_progress.settings import MAX_CHANGES_BEHIND

_encode = msgspec.json.encode
_compact = msgspec.json.format


class _Acknowledgement(sio_packet.Packet):  # type: ignore[misc]
    """The library's packet, which sends bytes as attachments; what else there is, as in events."""

    json = SimpleNamespace(dumps=lambda data, **_: _encode(data).decode())


class Fanout:
    """Knows which connections of this process are in which room of which site, and sends to them.

    The library's rooms are not used: they are looked through whole whenever a socket leaves.
    """

    def __init__(self) -> None:
        self._sites: dict[str, dict[str | None, set[Connection]]] = {}
        """By site and room; everybody of a site is in its room None."""

    def join(self, site: str, connection: Connection, room: str | None) -> None:
        self._sites.setdefault(site, {}).setdefault(room, set()).add(connection)

    def leave(self, site: str, connection: Connection, room: str | None) -> None:
        rooms = self._sites.get(site, {})
        members = rooms.get(room, set())
        members.discard(connection)
        if not members and rooms.pop(room, None) is not None and not rooms:
            del self._sites[site]

    def to_socket(self, site: str, connection: Connection, event: str, *message: Any) -> None:
        """Send an event with one argument, or none."""
        self._send((connection,), [_packet(site, event, *map(_encode, message))])

    def acknowledge(
        self, site: str, connection: Connection, ack_id: int, answer: Sequence[Any]
    ) -> None:
        """Answer an event whose client has asked for it. When the answer cannot be encoded, this
        raises, and nothing is sent."""
        packet = _Acknowledgement(sio_packet.ACK, list(answer), f"/{site}", ack_id)
        encoded = packet.encode()
        for part in encoded if isinstance(encoded, list) else [encoded]:
            connection.put(eio_packet.Packet(eio_packet.MESSAGE, part))

    def to_room(self, site: str, room: str, event: str, message: Any) -> None:
        self.pass_on(site, room, [Event(event, msgspec.Raw(_encode(message)))])

    def pass_on(self, site: str, room: str | None, events: Sequence[Event]) -> None:
        """Send events of Frappe's to a room; without one, to all sockets of the site."""
        rooms = self._sites.get(site)
        members = rooms.get(room) if rooms else None
        if not members:
            return
        packets = [_packet(site, event.event, _read(event.message)) for event in events]
        self._send(members, packets, (site, room) if room else None, events)

    def to_everybody(self, event: Event) -> None:
        """Send to all sockets of all sites: what Frappe publishes without a room."""
        for site in list(self._sites):
            self.pass_on(site, None, [event])

    def _send(
        self,
        members: Collection[Connection],
        packets: Sequence[bytes],
        room: tuple[str, str] | None = None,
        events: Sequence[Event] = (),
    ) -> None:
        frames = [frame_of(packet) for packet in packets]
        joined = b"".join(frames)
        messages: list[Message] = []
        for connection in members:
            if connection.write is not None:
                connection.write(joined)
            else:
                messages = messages or list(map(Message, packets, frames))
                _put(connection, messages, room, events)


def _put(
    connection: Connection,
    messages: Sequence[Message],
    room: tuple[str, str] | None,
    events: Sequence[Event],
) -> None:
    """Put messages in line, for one who polls or is behind."""
    for number, message in enumerate(messages):
        is_far_behind = connection.backlog >= MAX_CHANGES_BEHIND
        if room is not None and is_far_behind and events[number].event == "room_change":
            # What has state needs no line: the room is sent whole, once they have caught up.
            connection.miss(*room)
        else:
            connection.put(message)


def _read(message: msgspec.Raw) -> bytes:
    """Return a message as it goes on; Frappe indents its JSON."""
    text = bytes(message)
    return _compact(text, indent=-1) if b"\n" in text else text


def _packet(site: str, event: str, *message: bytes) -> bytes:
    """Return an event as Engine.IO and Socket.IO spell it, from JSON that is not read again."""
    arguments = b",".join((_encode(event), *message))
    return b"42/%b,[%b]" % (site.encode(), arguments)

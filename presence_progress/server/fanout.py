"""Events to sockets: one, a room, or everybody. The only module that knows how a frame is sent.

A broadcast is encoded once and framed once: frames of a server carry no mask, so the same bytes
serve every WebSocket, and one write for each is all that is left. Whoever polls, is in the middle
of an upgrade or has not read yet what came before gets the same packet in line.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from engineio import packet as eio_packet  # type: ignore[import-untyped]

from presence_progress.server import engine
from presence_progress.settings import MAX_CHANGES_BEHIND


class Fanout:
    """Speaks to the sockets of this process; a site is a Socket.IO namespace."""

    def __init__(self, sio: engine.Server) -> None:
        self._sio = sio
        self._connections = sio.eio.sockets
        self._rooms = sio.manager.rooms
        """By namespace and room: socket → connection, both by their ids."""

    async def to_socket(self, site: str, sid: str, event: str, *message: Any) -> None:
        """Send an event with one argument, or none."""
        namespace = f"/{site}"
        self._send(namespace, self._members(namespace, sid), event, message)

    async def to_room(self, site: str, room: str, event: str, message: Any) -> None:
        namespace = f"/{site}"
        # What has state needs no line: who is behind is sent the room whole, once he has caught up.
        has_state = event == "room_change"
        self._send(
            namespace,
            self._members(namespace, room),
            event,
            (message,),
            (namespace, room) if has_state else None,
        )

    async def to_everybody(self, event: str, message: Any) -> None:
        """Send to all sockets of all sites: what Frappe publishes without a room."""
        for namespace in list(self._rooms):
            self._send(namespace, self._members(namespace, None), event, (message,))

    async def join(self, site: str, sid: str, room: str) -> None:
        await self._sio.enter_room(sid, room, namespace=f"/{site}")

    async def leave(self, site: str, sid: str, room: str) -> None:
        await self._sio.leave_room(sid, room, namespace=f"/{site}")

    def _members(self, namespace: str, room: str | None) -> Iterable[str]:
        members = self._rooms.get(namespace, {}).get(room)
        return members.values() if members else ()

    def _send(
        self,
        namespace: str,
        members: Iterable[str],
        event: str,
        message: tuple[Any, ...],
        state: tuple[str, str] | None = None,
    ) -> None:
        if not members:
            return
        packet = f"2{namespace},{json.dumps([event, *message], separators=(',', ':'))}"
        frame = _frame(f"4{packet}")
        for eio_sid in members:
            connection = self._connections.get(eio_sid)
            if connection is None or connection.write(frame):
                continue
            if state and connection.backlog >= MAX_CHANGES_BEHIND:
                connection.missed.add(state)
            else:
                connection.put(eio_packet.Packet(eio_packet.MESSAGE, packet))


def _frame(text: str) -> bytes:
    """Return the one WebSocket frame of a text, as a server sends it: without a mask."""
    payload = text.encode()
    length = len(payload)
    if length < 126:
        return b"\x81" + length.to_bytes(1, "big") + payload
    if length < 65536:
        return b"\x81\x7e" + length.to_bytes(2, "big") + payload
    return b"\x81\x7f" + length.to_bytes(8, "big") + payload

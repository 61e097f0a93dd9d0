"""Events to sockets: one, a room, or everybody. The only module that knows how a frame is sent."""

from __future__ import annotations

from typing import Any

import socketio


class Fanout:
    """Speaks to the sockets of this process; a site is a Socket.IO namespace."""

    def __init__(self, sio: socketio.AsyncServer) -> None:
        self._sio = sio

    async def to_socket(self, site: str, sid: str, event: str, *message: Any) -> None:
        """Send an event with one argument, or none."""
        await self._sio.emit(event, message, room=sid, namespace=f"/{site}")

    async def to_room(self, site: str, room: str, event: str, message: Any) -> None:
        # A tuple of one: a bare None would be no argument, and a list must stay one.
        await self._sio.emit(event, (message,), room=room, namespace=f"/{site}")

    async def to_everybody(self, event: str, message: Any) -> None:
        """Send to all sockets of all sites: what Frappe publishes without a room."""
        for namespace in list(self._sio.manager.get_namespaces()):
            await self._sio.emit(event, (message,), namespace=namespace)

    async def join(self, site: str, sid: str, room: str) -> None:
        await self._sio.enter_room(sid, room, namespace=f"/{site}")

    async def leave(self, site: str, sid: str, room: str) -> None:
        await self._sio.leave_room(sid, room, namespace=f"/{site}")

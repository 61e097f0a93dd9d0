"""How a WebSocket was closed, which python-engineio does not tell.

Code 1000 is a client that closed it on purpose: python-socketio's, whose own goodbye mostly comes
too late to be sent. Browsers send other ones, for a closed tab, a reload and a lost patience alike;
their client says goodbye in words.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

ON_PURPOSE = 1000
_CLOSED = "presence_progress.closed_on_purpose"


class ClosingNoted:
    """An ASGI application around another one that notes which WebSockets are closed on purpose."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._upgraded: set[str] = set()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "websocket":
            await self._app(scope, receive, send)
            return

        # One that began with polling names its session; its environ is that of the polling.
        [eio_sid] = parse_qs(scope["query_string"].decode()).get("sid", [""])

        async def receive_and_note() -> Any:
            message = await receive()
            if message["type"] == "websocket.disconnect" and message.get("code") == ON_PURPOSE:
                scope[_CLOSED] = True
                self._upgraded.add(eio_sid)
            return message

        try:
            await self._app(scope, receive_and_note, send)
        finally:
            self._upgraded.discard(eio_sid)

    def was_on_purpose(self, eio_sid: str, environ: Mapping[str, Any]) -> bool:
        """Return whether the client of a connection that is closing has closed it on purpose."""
        return eio_sid in self._upgraded or _CLOSED in environ.get("asgi.scope", {})

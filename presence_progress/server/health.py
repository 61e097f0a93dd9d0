"""What the server says of itself over HTTP: ``/healthz``, ``/readyz``, ``/metrics``.

``/healthz`` says that the process lives, and is no reason to wait for anything; ``/readyz`` that it
hears Redis and is not about to end.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST

from presence_progress.server import metrics


class Health:
    """An ASGI application; ``why_not_ready`` returns what is missing, or None."""

    def __init__(self, why_not_ready: Callable[[], str | None]) -> None:
        self._why_not_ready = why_not_ready

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            # A WebSocket that is not Socket.IO's: refused before it is accepted.
            await send({"type": "websocket.close"})
            return
        status, content_type, body = self._answer(scope["path"])
        headers = [(b"content-type", content_type.encode()), (b"cache-control", b"no-store")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def _answer(self, path: str) -> tuple[int, str, bytes]:
        text = "text/plain; charset=utf-8"
        if path == "/healthz":
            return 200, text, b"ok\n"
        if path == "/readyz":
            reason = self._why_not_ready()
            return (503, text, f"{reason}\n".encode()) if reason else (200, text, b"ok\n")
        if path == "/metrics":
            return 200, CONTENT_TYPE_LATEST, metrics.render()
        return 404, text, b"not found: this is presence_progress's realtime server\n"

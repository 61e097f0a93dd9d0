"""What the server says of itself over HTTP: ``/healthz``, ``/readyz``, ``/metrics``.

``/healthz`` says that the process lives, and is no reason to wait for anything; ``/readyz`` that it
hears Redis and is not about to end. One shard of several that is away makes no server unready: the
other shards' rooms would be gone with it. It is named.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST

from presence_progress.server import metrics


class Health:
    """An ASGI application; ``why_not_ready`` returns what is missing, or None, and
    ``what_is_away`` what is missing without harm to the rest."""

    def __init__(
        self, why_not_ready: Callable[[], str | None], what_is_away: Callable[[], Sequence[str]]
    ) -> None:
        self._why_not_ready = why_not_ready
        self._what_is_away = what_is_away

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
            if reason:
                return 503, text, f"{reason}\n".encode()
            lines = ["ok", *(f"{name} is away" for name in self._what_is_away())]
            return 200, text, "".join(f"{line}\n" for line in lines).encode()
        if path == "/metrics":
            return 200, CONTENT_TYPE_LATEST, metrics.render()
        return 404, text, b"not found: this is presence_progress's realtime server\n"

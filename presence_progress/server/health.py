"""What the server says of itself over HTTP: ``/healthz``, ``/readyz``, ``/metrics``.

``/healthz`` says that the process lives, and is no reason to wait for anything; ``/readyz`` that it
hears Redis, that a value it wrote there is read back, and that it is not about to end. One shard of
several that is away makes no server unready: the other shards' rooms would be gone with it. It is
named.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST

from presence_progress.server import metrics
from presence_progress.settings import READY_TTL


class Health:
    """An ASGI application.

    ``why_not_ready`` returns what is missing, or None, from what the server knows; ``probe`` asks
    Redis for the same; ``what_is_away`` returns what is missing without harm to the rest.
    """

    def __init__(
        self,
        why_not_ready: Callable[[], str | None],
        probe: Callable[[], Coroutine[Any, Any, str | None]],
        what_is_away: Callable[[], Sequence[str]],
    ) -> None:
        self._why_not_ready = why_not_ready
        self._probe = probe
        self._what_is_away = what_is_away
        self._probing: asyncio.Task[str | None] | None = None
        self._ready_until = float("-inf")

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            # A WebSocket that is not Socket.IO's: refused before it is accepted.
            await send({"type": "websocket.close"})
            return
        status, content_type, body = await self._answer(scope["path"])
        headers = [(b"content-type", content_type.encode()), (b"cache-control", b"no-store")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _answer(self, path: str) -> tuple[int, str, bytes]:
        text = "text/plain; charset=utf-8"
        if path == "/healthz":
            return 200, text, b"ok\n"
        if path == "/readyz":
            reason = self._why_not_ready() or await self._probe_soon()
            if reason:
                return 503, text, f"{reason}\n".encode()
            lines = ["ok", *(f"{name} is away" for name in self._what_is_away())]
            return 200, text, "".join(f"{line}\n" for line in lines).encode()
        if path == "/metrics":
            return 200, CONTENT_TYPE_LATEST, metrics.render()
        return 404, text, b"not found: this is presence_progress's realtime server\n"

    async def _probe_soon(self) -> str | None:
        """Return what the probe says: run once at a time, and rarely while all is well, since
        anybody may ask here."""
        if time.monotonic() < self._ready_until:
            return None
        if self._probing is None or self._probing.done():
            self._probing = asyncio.ensure_future(self._probe())
        reason = await asyncio.shield(self._probing)
        if reason is None:
            self._ready_until = time.monotonic() + READY_TTL
        return reason

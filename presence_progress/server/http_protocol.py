"""HTTP as uvicorn reads it with h11, with the limits that uvicorn has none for.

The head and the body of a request must arrive in time, and be of a size; nobody waits for ever for
a client that does not read its answer; and what a proxy might read differently from this server is
refused, so that no request is smuggled in behind another.
"""

from __future__ import annotations

import asyncio
import functools
from typing import Any, cast

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from presence_progress.server import metrics
from presence_progress.settings import Limits

MAX_HEAD = 16_384
"""Bytes of a request's target and headers: Node's, and h11's."""
DRAIN_SECONDS = 10.0
"""Seconds for a client to read anything at all of an answer that waits for it."""


class _Strict(h11.Connection):
    """Finds fault with a request that h11 has nothing against."""

    why = ""
    """What was wrong with it, for the client."""
    _chunks = 0

    def __init__(self, limits: Limits) -> None:
        super().__init__(h11.SERVER, MAX_HEAD)
        self._max_chunks = limits.chunks

    def next_event(self) -> Any:
        event = super().next_event()
        if isinstance(event, h11.Request):
            self._chunks = 0
            names = {name for name, _ in event.headers}
            if {b"content-length", b"transfer-encoding"} <= names:
                self._refuse("Content-Length and Transfer-Encoding exclude each other: send one")
            size = len(event.target) + sum(len(name) + len(value) for name, value in event.headers)
            if size > MAX_HEAD:
                self._refuse(f"The head of a request may have {MAX_HEAD} bytes")
        elif isinstance(event, h11.Data) and event.chunk_start:
            self._chunks += 1
            if self._chunks > self._max_chunks:
                metrics.LIMITED.labels("chunks").inc()
                self._refuse(f"A body may have {self._max_chunks} chunks: send fewer, larger ones")
        return event

    def _refuse(self, why: str) -> None:
        self.why = why
        raise h11.RemoteProtocolError(why)


class HttpProtocol(H11Protocol):
    """One HTTP connection of uvicorn's."""

    conn: _Strict

    def __init__(self, limits: Limits, **options: Any) -> None:
        super().__init__(**options)
        self.conn = _Strict(limits)
        self._limits = limits
        self._awaited: tuple[str, asyncio.TimerHandle] | None = None
        """The limit in whose time the rest of a request must arrive."""
        self._draining: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(cast(asyncio.Transport, transport))
        self._await("header_seconds")

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.transport.get_protocol() is self:
            self._await_rest()
        else:
            self._await(None)  # a WebSocket has taken over, and reads by its own rules

    def connection_lost(self, exc: Exception | None) -> None:
        self._await(None)
        if self._draining is not None:
            self._draining.cancel()
        super().connection_lost(exc)

    def _await_rest(self) -> None:
        """Give what a client has yet to send of a request its time."""
        state = self.conn.their_state
        if state is h11.SEND_BODY:
            self._await("body_seconds")
        else:
            has_begun = state is h11.IDLE and self.conn.trailing_data[0]
            self._await("header_seconds" if has_begun else None)

    def _await(self, limit: str | None) -> None:
        if self._awaited is not None:
            if self._awaited[0] == limit:
                return
            self._awaited[1].cancel()
            self._awaited = None
        if limit is not None:
            timer = self.loop.call_later(getattr(self._limits, limit), self._give_up, limit)
            self._awaited = limit, timer

    def _give_up(self, limit: str) -> None:
        has_begun = self.conn.their_state is not h11.IDLE or bool(self.conn.trailing_data[0])
        if has_begun:  # and is not just a connection that a browser has made in advance
            metrics.LIMITED.labels(limit).inc()
            if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
                seconds = getattr(self._limits, limit)
                body = f"Not complete within {seconds} seconds ({limit})".encode()
                self.transport.write(
                    b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n"
                    b"Content-Type: text/plain\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
                )
        self.transport.close()
        self._drain()

    def send_400_response(self, msg: str) -> None:
        try:
            super().send_400_response(self.conn.why or msg)
        except h11.LocalProtocolError:  # it has been answered already
            self.transport.close()
        self._drain()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._await_rest()  # of a request that was sent behind this one
        self._drain()

    def _drain(self, left: int | None = None) -> None:
        """Cut a connection off on which an answer waits, and nothing of it is read any more."""
        waiting = self.transport.get_write_buffer_size()
        if self._draining is not None:
            self._draining.cancel()
            self._draining = None
        if waiting and waiting == left:
            self.transport.abort()
        elif waiting:
            self._draining = self.loop.call_later(DRAIN_SECONDS, self._drain, waiting)


def http_protocol(limits: Limits) -> Any:
    """Return what uvicorn's option ``http`` has to be."""
    return functools.partial(HttpProtocol, limits)

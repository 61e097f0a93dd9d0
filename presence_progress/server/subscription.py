"""A subscription to Redis channels that is read in gulps: all the messages that have come, at once.

redis-py reads one message at a time, at some 40 µs each. Here the bytes are taken as they come, and
cut up: a burst of events is one read, and is handed on as one.
"""

from __future__ import annotations

import asyncio
from typing import Any

from redis.exceptions import ResponseError

from presence_progress.server.connection import subscribe, unsubscribe
from presence_progress.server.wire import Wire

Message = tuple[bytes, bytes]
"""A channel and what was published there."""


class Subscription:
    """Reads messages until it is closed; ``RedisError`` or ``OSError`` when Redis is gone."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._rest = b""

    @classmethod
    async def open(cls, redis: Any, *channels: str) -> Subscription:
        """Subscribe on a connection of its own."""
        wire = await Wire.open(redis)
        if wire is None:
            return await _OneByOne.open(redis, *channels)
        wire.send([("SUBSCRIBE", *channels)])
        return cls(wire)

    async def read(self, seconds: float) -> list[Message]:
        """Return the messages that have come; none when the time is over."""
        try:
            data = await asyncio.wait_for(self._wire.read(), seconds)
        except asyncio.TimeoutError:
            return []
        messages, self._rest = cut(self._rest + data if self._rest else data)
        return messages

    async def close(self) -> None:
        await self._wire.close()


class _OneByOne(Subscription):
    """The same by redis-py's own way, whatever it keeps its connection in."""

    def __init__(self, pubsub: Any) -> None:
        self._pubsub = pubsub

    @classmethod
    async def open(cls, redis: Any, *channels: str) -> Subscription:
        return cls(await subscribe(redis, *channels))

    async def read(self, seconds: float) -> list[Message]:
        message = await self._pubsub.get_message(timeout=seconds)
        return [(message["channel"], message["data"])] if message else []

    async def close(self) -> None:
        await unsubscribe(self._pubsub)


def cut(data: bytes) -> tuple[list[Message], bytes]:
    """Cut what Redis has sent to a subscriber into messages, and the rest that is not whole yet.

    Each is an array (RESP2) or a push (RESP3) of three; confirmations are let pass.
    """
    messages: list[Message] = []
    at, head, channel = 0, b"\0", b""
    try:
        while at < len(data):
            # Messages mostly come one behind the other on the same channel, with the same head.
            if data.startswith(head, at):
                text, at = _part(data, at + len(head))
                messages.append((channel, text))
                continue
            if data.startswith(b"-", at):
                raise ResponseError(data[at + 1 :].split(b"\r\n")[0].decode())
            count, end = _number(data, at)
            parts = []
            for _ in range(count):
                last = end
                part, end = _part(data, end)
                parts.append(part)
            if parts and parts[0] == b"message":
                channel, head = parts[1], data[at:last]
                messages.append((channel, parts[2]))
            at = end
    except _NotWhole:
        pass
    return messages, data[at:]


class _NotWhole(Exception):
    """The rest is still on its way."""


def _number(data: bytes, at: int) -> tuple[int, int]:
    """Return the number behind a type's letter, and where the next thing begins."""
    end = data.find(b"\r\n", at)
    if end < 0:
        raise _NotWhole
    return int(data[at + 1 : end]), end + 2


def _part(data: bytes, at: int) -> tuple[bytes, int]:
    if data[at : at + 1] != b"$":
        number, at = _number(data, at)
        return str(number).encode(), at
    length, start = _number(data, at)
    end = start + length
    if end + 2 > len(data):
        raise _NotWhole
    return data[start:end], end + 2

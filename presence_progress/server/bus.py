"""Hears Frappe's ``events`` channel, and notices when it has gone deaf.

Redis can lose a subscription silently, and with it the last change of a room, which has no
successor to reveal it. So a canary of our own is published every few seconds: not hearing it means
that the subscription is made anew, and that whoever listens is told to doubt what he knows.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import structlog
from redis.exceptions import RedisError

from presence_progress.keys import EVENTS_CHANNEL, PREFIX
from presence_progress.server import metrics
from presence_progress.server.subscription import Message, Subscription
from presence_progress.settings import CANARY_INTERVAL, CANARY_TIMEOUT

log = structlog.get_logger(__name__)

_PAUSES = (0.1, 0.2, 0.5, 1.0, 2.0)
"""Seconds between tries to subscribe; the last one is repeated."""


class Event(msgspec.Struct, frozen=True):
    """What Frappe publishes: without a site it is meant for all of them, without a room for all.

    The message is JSON as it came: it is passed on, not read.
    """

    event: str
    message: msgspec.Raw = msgspec.Raw(b"null")
    room: str | None = None
    site: str | None = msgspec.field(default=None, name="namespace")

    @property
    def value(self) -> Any:
        return msgspec.json.decode(self.message)


class Bus:
    """Feeds events to ``on_events``, in order and as many as have come at once, and calls
    ``on_doubt`` when some may be missing."""

    def __init__(
        self,
        redis: Any,
        on_events: Callable[[list[Event]], None],
        on_doubt: Callable[[], Awaitable[None]],
    ) -> None:
        self._redis = redis
        self._on_events = on_events
        self._on_doubt = on_doubt
        self._canary = f"{PREFIX}canary:{uuid.uuid4().hex}"
        self._heard = time.monotonic()
        self.is_listening = False

    async def run(self) -> None:
        """Listen until cancelled."""
        failures = 0
        while True:
            try:
                await self._listen()
            except (RedisError, OSError, asyncio.TimeoutError) as error:
                failures = 0 if self.is_listening else failures
                if not failures:
                    log.warning(
                        "Redis is away, until it is back nothing is heard", error=str(error)
                    )
            except Exception:
                # Whatever it was: a server that does not listen any more is worse.
                log.exception("listening again")
            self._set_listening(False)
            await asyncio.sleep(_PAUSES[min(failures, len(_PAUSES) - 1)])
            failures += 1

    async def _listen(self) -> None:
        subscription = await Subscription.open(self._redis, EVENTS_CHANNEL, self._canary)
        singing: asyncio.Task[None] | None = None
        try:
            self._heard = time.monotonic()
            singing = asyncio.ensure_future(self._sing())
            while True:
                messages = await subscription.read(CANARY_INTERVAL)
                await self._hear(messages)
                if time.monotonic() - self._heard > CANARY_TIMEOUT:
                    raise asyncio.TimeoutError("its canary is not heard any more")
        finally:
            if singing:
                singing.cancel()
            with contextlib.suppress(RedisError, OSError):
                await subscription.close()

    async def _sing(self) -> None:
        while True:
            # A failure is no news: what counts is whether the canary is heard.
            with contextlib.suppress(RedisError, OSError):
                await self._redis.publish(self._canary, "")
            # Often until it is heard for the first time: only then do we know that we listen.
            await asyncio.sleep(CANARY_INTERVAL if self.is_listening else 0.1)

    async def _hear(self, messages: list[Message]) -> None:
        canary = self._canary.encode()
        events = [read_event(data) for channel, data in messages if channel != canary]
        if len(events) < len(messages):
            self._heard = time.monotonic()
            if not self.is_listening:
                # Only now is it certain that nothing passes by unheard.
                self._set_listening(True)
                await self._on_doubt()
        metrics.EVENTS.inc(len(events))
        self._on_events([event for event in events if event])

    def _set_listening(self, is_listening: bool) -> None:
        if is_listening and not self.is_listening:
            log.info("Redis is heard", channel=EVENTS_CHANNEL)
        self.is_listening = is_listening
        metrics.LISTENING.set(is_listening)


_decode = msgspec.json.Decoder(Event).decode


def read_event(data: bytes) -> Event | None:
    """Read one message of the channel; None, and a log line, for what is none."""
    try:
        try:
            event = _decode(data)
        except msgspec.ValidationError:
            raise
        except msgspec.DecodeError:
            # Python writes NaN and Infinity, which are no JSON: as null, as JavaScript has it.
            event = _decode(json.dumps(json.loads(data, parse_constant=lambda _: None)))
        if not event.event:
            raise ValueError("its event has no name")
        # What is passed on unread shall be text, whoever wrote it.
        bytes(event.message).decode()
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        log.warning("a message that is no event", channel=EVENTS_CHANNEL, error=repr(error)[:200])
        return None
    return event

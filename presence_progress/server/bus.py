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
from dataclasses import dataclass
from typing import Any

import structlog
from redis.exceptions import RedisError

from presence_progress.keys import EVENTS_CHANNEL, PREFIX
from presence_progress.server import metrics
from presence_progress.server.connection import unsubscribe
from presence_progress.settings import CANARY_INTERVAL, CANARY_TIMEOUT

log = structlog.get_logger(__name__)

_PAUSES = (0.1, 0.2, 0.5, 1.0, 2.0)
"""Seconds between tries to subscribe; the last one is repeated."""


@dataclass(frozen=True)
class Event:
    """What Frappe publishes: without a site it is meant for all of them, without a room for all."""

    event: str
    message: Any
    room: str | None
    site: str | None


class Bus:
    """Feeds each event to ``on_event``, in order, and calls ``on_doubt`` when some may be
    missing."""

    def __init__(
        self,
        redis: Any,
        on_event: Callable[[Event], Awaitable[None]],
        on_doubt: Callable[[], Awaitable[None]],
    ) -> None:
        self._redis = redis
        self._on_event = on_event
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
        pubsub = self._redis.pubsub(ignore_subscribe_messages=True)
        singing: asyncio.Task[None] | None = None
        try:
            await pubsub.subscribe(EVENTS_CHANNEL, self._canary)
            self._heard = time.monotonic()
            singing = asyncio.ensure_future(self._sing())
            while True:
                message = await pubsub.get_message(timeout=CANARY_INTERVAL)
                if message is not None:
                    await self._hear(message)
                elif time.monotonic() - self._heard > CANARY_TIMEOUT:
                    raise asyncio.TimeoutError("its canary is not heard any more")
        finally:
            if singing:
                singing.cancel()
            with contextlib.suppress(RedisError, OSError):
                await unsubscribe(pubsub)

    async def _sing(self) -> None:
        while True:
            # A failure is no news: what counts is whether the canary is heard.
            with contextlib.suppress(RedisError, OSError):
                await self._redis.publish(self._canary, "")
            # Often until it is heard for the first time: only then do we know that we listen.
            await asyncio.sleep(CANARY_INTERVAL if self.is_listening else 0.1)

    async def _hear(self, message: dict[str, Any]) -> None:
        if _text(message["channel"]) == self._canary:
            self._heard = time.monotonic()
            if not self.is_listening:
                # Only now is it certain that nothing passes by unheard.
                self._set_listening(True)
                await self._on_doubt()
            return
        event = read_event(message["data"])
        if event is None:
            return
        metrics.EVENTS.inc()
        try:
            await self._on_event(event)
        except RedisError:
            raise
        except Exception:
            # One event that cannot be delivered must not stop the next one.
            log.exception("event could not be delivered", event_name=event.event)

    def _set_listening(self, is_listening: bool) -> None:
        if is_listening and not self.is_listening:
            log.info("Redis is heard", channel=EVENTS_CHANNEL)
        self.is_listening = is_listening
        metrics.LISTENING.set(is_listening)


def read_event(data: Any) -> Event | None:
    """Read one message of the channel; None, and a log line, for what is none."""
    try:
        # Python writes NaN and Infinity, which are no JSON: as null, as JavaScript would write
        # them.
        envelope = json.loads(data, parse_constant=lambda _: None)
        event, room, site = envelope["event"], envelope.get("room"), envelope.get("namespace")
        if not isinstance(event, str) or not event:
            raise ValueError("its event is no text")
        if not (room is None or isinstance(room, str)):
            raise ValueError("its room is no text")
        if not (site is None or isinstance(site, str)):
            raise ValueError("its namespace is no text")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        log.warning("a message that is no event", channel=EVENTS_CHANNEL, error=repr(error))
        return None
    return Event(event, envelope.get("message"), room or None, site or None)


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)

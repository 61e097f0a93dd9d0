"""Hears the ``events`` channel, of Frappe's Redis and of the store, and notices when it has gone
deaf.

Redis can lose a subscription silently, and with it the last change of a room, which has no
successor to reveal it. So a canary of our own is published every few seconds: not hearing it means
that the subscription is made anew, and that whoever listens is told to doubt what he knows.

The nodes of a cluster tell each other what is published, so one subscription hears all of them, and
each of them sings. One that is away is only waited for: the others are heard as before.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec
import structlog
from redis.exceptions import RedisError, ResponseError, TimeoutError

from presence_progress import texts
from presence_progress.keys import EVENTS_CHANNEL, PREFIX
from presence_progress.server import metrics
from presence_progress.server.store import Source
from presence_progress.server.subscription import Message
from presence_progress.server.wire import Wire
from presence_progress.settings import CANARY_INTERVAL, CANARY_TIMEOUT

log = structlog.get_logger(__name__)

_PAUSES = (0.1, 0.2, 0.5, 1.0, 2.0)
"""Seconds between tries to subscribe; the last one is repeated."""
_DOUBT_PAUSE = 1.0
_LONGEST_DOUBT_PAUSE = 30.0
"""Seconds before what could not be read is read again: doubled each time, up to the second."""


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
        """The message, read; ``ValueError`` or ``RecursionError`` for what only browsers can
        read."""
        return msgspec.json.decode(self.message)


class Bus:
    """Feeds events to ``on_events``, in order and as many as have come at once, and calls
    ``on_doubt`` when some changes of rooms may be missing.

    ``store`` is where rooms live, when that is not Frappe's Redis. ``on_doubt`` gets what to see
    to, None for all, and returns what is left because Redis failed: for that it is called again.
    ``on_miss`` is called when some of Frappe's own events may be missing, which have no state.
    """

    def __init__(
        self,
        frappe: Source,
        store: Source | None,
        on_events: Callable[[list[Event]], None],
        on_doubt: Callable[[set[Any] | None], Awaitable[set[Any]]],
        on_miss: Callable[[], None] = lambda: None,
    ) -> None:
        self._on_doubt = on_doubt
        self._doubt = asyncio.Event()

        def doubt_both() -> None:
            on_miss()
            self._doubt.set()

        doubts = [on_miss, self._doubt.set] if store else [doubt_both]
        names = ["Redis", "the store"]
        self._ears = [
            Ear(name, source, on_events, doubt, self._note)
            for name, source, doubt in zip(names, filter(None, [frappe, store]), doubts)  # noqa: B905
        ]

    async def run(self) -> None:
        """Listen until cancelled."""
        await asyncio.gather(*(ear.run() for ear in self._ears), self._resolve_doubts())

    def deaf(self) -> list[str]:
        """Return what is not heard at all, in words."""
        return [ear.name for ear in self._ears if not ear.is_listening]

    def away(self) -> list[str]:
        """Return each Redis that is not heard, in words: also one of several."""
        return [name for ear in self._ears for name in ear.away()]

    def _note(self) -> None:
        metrics.LISTENING.set(not self.away())

    async def _resolve_doubts(self) -> None:
        left: set[Any] | None = set()
        pause = _DOUBT_PAUSE
        while True:
            with contextlib.suppress(asyncio.TimeoutError):
                is_done = left is not None and not left
                await asyncio.wait_for(self._doubt.wait(), None if is_done else pause)
            pause = min(2 * pause, _LONGEST_DOUBT_PAUSE)
            if self._doubt.is_set():
                self._doubt.clear()
                left, pause = None, _DOUBT_PAUSE
            try:
                left = await self._on_doubt(left)
            except Exception:
                log.exception("what may be missing is not known")


class Ear:
    """One subscription, and the canaries of each Redis that is to be heard there."""

    def __init__(
        self,
        name: str,
        source: Source,
        on_events: Callable[[list[Event]], None],
        on_doubt: Callable[[], None],
        on_news: Callable[[], None],
    ) -> None:
        self.name = name
        self._source = source
        self._on_events = on_events
        self._on_doubt = on_doubt
        self._on_news = on_news
        self._canary = ""
        self._voices: dict[str, _Voice] = {}
        self._heard = time.monotonic()

    @property
    def is_listening(self) -> bool:
        return any(voice.is_heard for voice in self._voices.values())

    def away(self) -> list[str]:
        if not self.is_listening:
            return [self.name]
        return [f"{self.name}'s {v.name}" for v in self._voices.values() if not v.is_heard]

    async def run(self) -> None:
        failures = 0
        while True:
            try:
                await self._listen()
            except (RedisError, OSError, asyncio.TimeoutError) as error:
                failures = 0 if self.is_listening else failures
                if not failures:
                    log.warning(
                        f"{self.name} is away, until it is back nothing is heard", error=str(error)
                    )
            except Exception:
                # Whatever it was: a server that does not listen any more is worse.
                log.exception("listening again")
            finally:
                self._stop_voices()
            await asyncio.sleep(_PAUSES[min(failures, len(_PAUSES) - 1)])
            failures += 1

    async def _listen(self) -> None:
        # A channel of its own for each subscription: what was under way is no news of this one.
        self._canary = f"{PREFIX}canary:{uuid.uuid4().hex}"
        subscription = await self._source.subscribe(EVENTS_CHANNEL, self._canary)
        following: asyncio.Task[None] | None = None
        try:
            self._heard = time.monotonic()
            self._follow(await self._source.publishers())
            following = asyncio.ensure_future(self._keep_following())
            while True:
                self._hear(await subscription.read(CANARY_INTERVAL))
                self._require_canaries()
        finally:
            if following:
                following.cancel()
            with contextlib.suppress(RedisError, OSError):
                await subscription.close()

    def _require_canaries(self) -> None:
        now = time.monotonic()
        if now - self._heard > CANARY_TIMEOUT:
            raise asyncio.TimeoutError("no canary is heard any more")
        for voice in self._voices.values():
            # It is there, and not heard: that is the subscription's fault. One that is not there
            # is not: for that, nobody needs to subscribe anew.
            if voice.unheard_for() > CANARY_TIMEOUT:
                raise asyncio.TimeoutError(f"the canary of {voice.name} is not heard any more")

    def _hear(self, messages: list[Message]) -> None:
        canary = self._canary.encode()
        events = []
        for channel, data in messages:
            if channel == canary:
                self._hear_canary(data.decode())
            else:
                events.append(read_event(data))
        metrics.EVENTS.inc(len(events))
        self._on_events([event for event in events if event])

    def _hear_canary(self, song: str) -> None:
        number, _, name = song.partition(" ")
        voice = self._voices.get(name)
        if voice is None:
            return
        self._heard = time.monotonic()
        was_listening, was_heard = self.is_listening, voice.is_heard
        if not voice.hear(int(number)):
            # Only now is it certain that nothing passes by unheard.
            self._on_doubt()
        if not was_heard:
            if not was_listening:
                log.info(f"{self.name} is heard", channel=EVENTS_CHANNEL)
            self._on_news()

    # --- those that are to be heard ---

    def _follow(self, publishers: Mapping[str, Any]) -> None:
        for name in [name for name in self._voices if name not in publishers]:
            self._voices.pop(name).stop()
        for name, redis in publishers.items():
            if name not in self._voices:
                self._voices[name] = _Voice(name, redis, self._canary, self._lose)
        self._on_news()

    async def _keep_following(self) -> None:
        """Notice when others are to be heard: slots have moved, or a replica is primary now."""
        while True:
            await asyncio.sleep(CANARY_INTERVAL)
            with contextlib.suppress(RedisError, OSError, asyncio.TimeoutError):
                self._follow(await self._source.publishers())

    def _lose(self, voice: _Voice, error: Exception) -> None:
        if len(self._voices) > 1:
            log.warning(f"{self.name}'s {voice.name} is away", error=str(error))
        self._on_news()

    def _stop_voices(self) -> None:
        for voice in self._voices.values():
            voice.stop()
        self._voices.clear()
        self._on_news()


class _Voice:
    """Publishes the canary on one Redis, over one connection: its loss says at once that something
    may not have been passed on, however soon that Redis is back."""

    def __init__(
        self, name: str, redis: Any, canary: str, on_loss: Callable[[_Voice, Exception], None]
    ) -> None:
        self.name = name
        self.is_heard = False
        self._is_stopped = False
        self._redis = redis
        self._canary = canary
        self._on_loss = on_loss
        self._sung = self._next = 0
        """The canaries' numbers: one that is left out was lost on its way, and more with it."""
        self._heard = self._answered = time.monotonic()
        self._singing = asyncio.ensure_future(self._sing())

    def hear(self, number: int) -> bool:
        """Take note of a canary; returns whether nothing was missed since the last one."""
        is_next, self._next = number <= self._next and self.is_heard, number + 1
        self._heard, self.is_heard = time.monotonic(), True
        return is_next

    def unheard_for(self) -> float:
        """Return for how many seconds it has answered without having been heard."""
        return self._answered - self._heard

    def stop(self) -> None:
        # Until Python 3.12, wait_for may swallow that it is cancelled.
        self._is_stopped = True
        self._singing.cancel()

    async def _sing(self) -> None:
        while not self._is_stopped:
            try:
                await self._sing_on_one_connection()
            except Exception as error:
                was_heard, self.is_heard = self.is_heard, False
                if was_heard and not self._is_stopped:
                    self._on_loss(self, error)
            await asyncio.sleep(_PAUSES[0])

    async def _sing_on_one_connection(self) -> None:
        wire = await Wire.open(self._redis)
        # Until then nobody could have heard it.
        self._heard = self._answered = time.monotonic()
        try:
            while not self._is_stopped:
                song = f"{self._sung} {self.name}"
                self._sung += 1
                # Often until it is heard for the first time: only then do we know that we listen.
                pause = CANARY_INTERVAL if self.is_heard else _PAUSES[0]
                if wire is None:
                    await self._redis.publish(self._canary, song)
                    self._answered = time.monotonic()
                    await asyncio.sleep(pause)
                else:
                    wire.send([("PUBLISH", self._canary, song)])
                    await self._read(wire, time.monotonic() + pause)
        finally:
            if wire is not None:
                await wire.close()

    async def _read(self, wire: Wire, until: float) -> None:
        """Take the answers that come until then, or notice that none comes."""
        while (left := until - time.monotonic()) > 0:
            try:
                data = await asyncio.wait_for(wire.read(), left)
            except asyncio.TimeoutError:
                break
            if data.startswith(b"-"):
                raise ResponseError(data[1:].split(b"\r\n")[0].decode())
            self._answered = time.monotonic()
        if time.monotonic() - self._answered > CANARY_TIMEOUT:
            raise TimeoutError("Redis does not answer")


_decode = msgspec.json.Decoder(Event).decode


def read_event(data: bytes) -> Event | None:
    """Read one message of the channel; None, and a log line, for what is none."""
    try:
        try:
            event = _decode(data)
        except msgspec.ValidationError:
            raise
        except msgspec.DecodeError:
            event = _decode(_as_json(data))
        if not event.event:
            raise ValueError("its event has no name")
        # What is passed on unread shall be text, whoever wrote it.
        bytes(event.message).decode()
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        log.warning("a message that is no event", channel=EVENTS_CHANNEL, error=repr(error)[:200])
        return None
    return event


def _as_json(data: bytes) -> bytes:
    """Return what Python writes and takes for JSON as JSON: NaN and Infinity as null, as JavaScript
    has them, and half of a surrogate pair in a message as U+FFFD. ``ValueError`` when it is in a
    name: that would be another name."""
    envelope = json.loads(data, parse_constant=lambda _: None)
    if isinstance(envelope, dict):
        message = envelope.pop("message", None)
        if not texts.is_all_unicode(envelope):
            raise ValueError("invalid Unicode in a name")
        envelope["message"] = message
    return texts.well_formed(json.dumps(envelope, ensure_ascii=False)).encode()

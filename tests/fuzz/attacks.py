"""The ways in, each with somebody who tries it: events, packets, HTTP parameters, the bus."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import Counter
from collections.abc import Callable
from typing import Any, ClassVar
from urllib.parse import quote_from_bytes, urlsplit

import aiohttp
from redis import Redis
from yarl import URL

from presence_progress import keys, texts
from presence_progress.demo import methods, presence_methods, realtime_methods, task_methods
from presence_progress.server import invisible, presence_list, room_events, stock_events, stock_runs
from presence_progress.server.rights import RIGHTS_EVENTS
from tests.fuzz.alphabet import Alphabet
from tests.fuzz.socket import PATIENCE, Lost, Socket
from tests.server.conftest import NAMESPACE, SITE

Fault = Callable[[str], None]
"""Takes a sentence that says what went wrong."""
EVENTS = sorted(
    {
        *stock_events.EVENTS,
        *room_events.EVENTS,
        *presence_list.EVENTS,
        *invisible.EVENTS,
        "no such event",
    }
)
_PAUSE = 0.01
"""Seconds: what asks little of the server leaves its time to what asks much."""
LONGEST = 900_000
"""Bytes of a message: the server takes a million."""


class Attack:
    """Somebody who tries one way in until cancelled; ``done`` says how often."""

    def __init__(self, seed: int, fault: Fault) -> None:
        self.name = type(self).__name__
        self.draw = Alphabet(f"{seed}/{self.name}")
        self.done: Counter[str] = Counter()
        self.fault = fault

    async def run(self) -> None:
        while True:
            await self.step()

    async def step(self) -> None:
        raise NotImplementedError


class ClientEvents(Attack):
    """Events of all names; what our clients wait for must come, and the connection must last."""

    def __init__(self, seed: int, fault: Fault, socket: Socket) -> None:
        super().__init__(seed, fault)
        self._socket = socket

    async def run(self) -> None:
        await self._socket.open()
        await super().run()

    async def step(self) -> None:
        event, draw = self.draw.choice(EVENTS), self.draw
        arguments = [self._argument(event) for _ in range(draw.choice([0, 1, 1, 1, 1, 2, 2, 2, 3]))]
        number = str(draw.randrange(99)) if draw.random() < 0.1 else ""
        text = json.dumps([event, *arguments], ensure_ascii=draw.random() < 0.5)
        # What is half an emoji can only be spelt.
        text = text if texts.is_unicode(text) else json.dumps([event, *arguments])
        frames: list[str | bytes] = [f"42{NAMESPACE},{number}{text}"]
        if draw.random() < 0.05:
            holder = '{"_placeholder":true,"num":0}'
            frames = [f'451-{NAMESPACE},["{event}",{holder}]', draw.randbytes(9)]
            arguments = [b""]
        if len(text) > LONGEST:
            return
        self.done[event] += 1
        try:
            is_ping = event == "ping" and texts.is_all_unicode(arguments)
            heard = await self._socket.hear(*frames, pongs=1 + is_ping)
        except Lost as lost:
            self.fault(f"{event} ended its connection: {lost}; {frames[0][:500]!r}")
            await self._socket.open()
            return
        expected = answers_to(event, arguments[0] if arguments else None)
        if expected and not expected & {name for name, *_ in heard}:
            self.fault(f"no answer to {frames[0][:500]!r}, only {heard!r:.200}")

    def _argument(self, event: str) -> Any:
        draw = self.draw
        if draw.random() < 0.4:
            if event.startswith("presence_"):
                return draw.document()
            if event == "tasks_seen":
                return draw.choice([1_795_000_000_000, 2**60, True])
            return draw.text()
        return draw.value()


def answers_to(event: str, argument: Any) -> set[str]:
    """Return the events of which one must come, whatever else does; nothing where silence is
    right."""
    if event == "room_watch":
        is_query = _is_room(argument) and keys.is_query(argument)
        return set() if is_query else {"room_state", "room_denied"}
    if event in ("task_cancel", "task_retry", "task_details"):
        return {"room_denied"}  # there is no task
    checks: dict[str, Callable[[Any], bool]] = {
        "room_unwatch": _is_room,
        "presence_enter": _is_document,
        "presence_update": _is_document,
        "presence_leave": _is_document,
        "presence_list": lambda payload: isinstance(payload, dict),
        "presence_invisible": lambda wish: isinstance(wish, bool),
        "tasks_seen": lambda until: isinstance(until, int),
    }
    return {"room_denied"} if event in checks and not checks[event](argument) else set()


def _is_room(room: Any) -> bool:
    try:
        keys.parse_room(room)
    except keys.BadRoom:
        return False
    return True


def _is_document(payload: Any) -> bool:
    try:
        keys.document(payload["doctype"], payload["name"])
    except (keys.BadRoom, TypeError, LookupError):
        return False
    return texts.is_all_unicode(payload)


class Packets(Attack):
    """Frames, posts and requests that no client would send."""

    def __init__(self, seed: int, fault: Fault, http: aiohttp.ClientSession, url: str) -> None:
        super().__init__(seed, fault)
        self._http, self._url = http, url

    async def step(self) -> None:
        way = self.draw.choice([self._frames, self._posts, self._request])
        self.done[way.__name__.strip("_")] += 1
        # Whatever becomes of it is right, as long as nobody else notices.
        with contextlib.suppress(aiohttp.ClientError, OSError, asyncio.TimeoutError):
            await asyncio.wait_for(way(), PATIENCE)

    async def _frames(self) -> None:
        address = f"{self._url}/socket.io/?EIO=4&transport=websocket"
        async with self._http.ws_connect(address, headers=self._headers()) as socket:
            if self.draw.random() < 0.7:
                await socket.send_str(f"40{NAMESPACE},")
            for _ in range(self.draw.randrange(1, 12)):
                packet = self._packet()
                if self.draw.random() < 0.2:
                    await socket.send_bytes(packet)
                else:
                    await socket.send_str(packet.decode(errors="replace"))

    async def _posts(self) -> None:
        address = f"{self._url}/socket.io/?EIO=4&transport=polling"
        async with self._http.get(address, headers=self._headers()) as opened:
            sid = json.loads((await opened.text())[1:])["sid"]
        for _ in range(self.draw.randrange(1, 4)):
            packets = [self._packet() for _ in range(self.draw.randrange(4))]
            body = b"\x1e".join(packets)
            async with self._http.post(f"{address}&sid={sid}", data=body) as answer:
                await answer.read()

    async def _request(self) -> None:
        draw, host = self.draw, urlsplit(self._url)
        head = (
            f"GET /socket.io/?EIO=4&transport={draw.choice(['polling', 'websocket'])} HTTP/1.1\r\n"
            f"Host: 127.0.0.1\r\nCookie: sid=x\r\nX-Frappe-Site-Name: {SITE}\r\n\r\n"
        ).encode()
        reader, writer = await asyncio.open_connection(host.hostname, host.port)
        try:
            writer.write(draw.garbled(head))
            await asyncio.wait_for(reader.read(1000), 0.2)
        finally:
            writer.close()

    def _headers(self) -> dict[str, str]:
        odd = quote_from_bytes(self.draw.text().encode("utf-8", "surrogatepass"))[:3_000]
        site = self.draw.choice([SITE, SITE, odd])
        sid = self.draw.choice(["Guest", "Guest", odd or "x"])
        return {"Cookie": f"sid={sid}", "Origin": "http://127.0.0.1", "X-Frappe-Site-Name": site}

    def _packet(self) -> bytes:
        draw = self.draw
        namespace = draw.choice([f"{NAMESPACE},", f"{NAMESPACE},", "", "/,", f"/{draw.text()},"])
        data = json.dumps(draw.choice([[draw.choice(EVENTS), draw.value()], draw.value()]))
        kind = draw.choice(["4", "4", "4", *"012356789", "b", ""])
        packet = (
            f"{kind}{draw.choice(['2', '2', *'013456789', '51-', '510-', ''])}{namespace}{data}"
        )
        encoded = packet.encode("utf-8", "surrogatepass")[:LONGEST]
        return draw.garbled(encoded) if draw.random() < 0.5 else encoded


class Parameters(Attack):
    """Arguments of the site's methods, in addresses, forms and JSON: none is the site's mistake."""

    ROUTES: ClassVar = [
        (route.method, route.path)
        for part in (methods, presence_methods, realtime_methods, task_methods)
        for route in part.ROUTES
        if not route.path.endswith("logout")
    ]
    NAMES: ClassVar = [
        *("doctype", "name", "docname", "ptype", "task_id", "user", "users", "invisible", "usr"),
        *("start", "limit", "filters", "fields", "order_by", "limit_page_length", "sid", "search"),
        *("tasks", "sessions", "questions", "transitions", "language", "rooms", "until"),
    ]

    def __init__(
        self, seed: int, fault: Fault, http: aiohttp.ClientSession, url: str, sid: str
    ) -> None:
        super().__init__(seed, fault)
        self._http, self._url, self._sid = http, url, sid

    async def step(self) -> None:
        draw = self.draw
        method, path = draw.choice(self.ROUTES)
        method = draw.choice(["GET", "POST"]) if method == "*" else method
        arguments = {draw.choice(self.NAMES): draw.value() for _ in range(draw.randrange(4))}
        query = "&".join(
            f"{name}={quote_from_bytes(str(value).encode('utf-8', 'surrogatepass'))}"
            for name, value in arguments.items()
        )[:6_000]
        body: dict[str, Any] = {}
        if method == "POST":
            query = ""
            text = json.dumps(draw.choice([arguments, arguments, draw.value()]))
            is_json = draw.random() < 0.7
            body = {
                "data": text.encode()[:LONGEST],
                "headers": {"Content-Type": "application/json" if is_json else "text/plain"},
            }
        self.done[path.rpartition(".")[2]] += 1
        cookies = {"sid": self._sid} if draw.random() < 0.7 else {}
        address = URL(f"{self._url}{path}?{query}", encoded=True)
        async with self._http.request(method, address, cookies=cookies, **body) as answer:
            text = await answer.text()
            if "InternalServerError" in text or not text.startswith("{"):
                sent = f"{method} {address} {str(body)[:300]}"[:700]
                self.fault(f"{answer.status} to {sent}: {text[:200]}")
        await asyncio.sleep(_PAUSE)


class Bus(Attack):
    """Messages on Redis's ``events`` channel; forgeries of good ones are not tried."""

    EVENTS: ClassVar = [
        *RIGHTS_EVENTS,
        *stock_runs.EVENTS,
        invisible.SETTINGS,
        "room_change",
        "odd",
        "n",
    ]

    def __init__(self, seed: int, fault: Fault, redis: Redis, stranger: str) -> None:
        super().__init__(seed, fault)
        self._redis, self._stranger = redis, stranger

    async def step(self) -> None:
        messages = [self._message() for _ in range(self.draw.randrange(1, 20))]
        self.done["messages"] += len(messages)

        def publish() -> None:
            with self._redis.pipeline(transaction=False) as at_once:
                for message in messages:
                    at_once.publish(keys.EVENTS_CHANNEL, message)
                at_once.execute()

        await asyncio.to_thread(publish)
        await asyncio.sleep(_PAUSE)

    def _message(self) -> bytes:
        draw = self.draw
        room = draw.choice([None, "", "all", "website", f"user:{self._stranger}", draw.text()])
        envelope: dict[str, Any] = {
            "event": draw.choice([draw.choice(self.EVENTS)] * 3 + [draw.text()]),
            "message": draw.choice([draw.value(), draw.document(), draw.text()]),
            "room": draw.value() if draw.random() < 0.1 else room,
            "namespace": draw.choice([SITE, SITE, SITE, None, draw.text(), draw.value()]),
        }
        if draw.random() < 0.2:
            del envelope[draw.choice(list(envelope))]
        if draw.random() < 0.1:
            envelope["message"] = draw.choice([float("nan"), float("-inf")])
        data = json.dumps(envelope).encode()
        return draw.garbled(data) if draw.random() < 0.2 else data

"""Who is in a run: tabs that go in and out, watchers that write down what they hear, strangers who
may read nothing and try."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
from collections.abc import Callable, Sequence
from typing import Any

import aiohttp
import socketio
from socketio.packet import DISCONNECT, Packet

from presence_progress.rooms import Change, Snapshot
from tests.chaos import site
from tests.chaos.history import History
from tests.chaos.plan import DOCUMENTS, SERVERS, Action
from tests.chaos.view import View
from tests.server.conftest import NAMESPACE

_CONNECT_TIMEOUT = 4.0
OnEvent = Callable[[str, Any], None]
Urls = Sequence[str]


def room_of(document: int) -> str:
    return f"presence:Airport/{site.document(document)}"


class Connection:
    """One WebSocket by python-socketio's own client."""

    def __init__(
        self, user: str, server: int, on_event: OnEvent, on_lost: Callable[[Connection], None]
    ) -> None:
        self.server = server
        self._user = user
        self._on_event = on_event
        self._on_lost = on_lost
        self._is_over = False
        self.is_frozen = False
        self.is_lost = False

    async def open(self, url: str) -> None:
        """Connect, or raise what python-socketio or asyncio raises."""
        self._http = aiohttp.ClientSession()
        self.socket = socketio.AsyncClient(
            reconnection=False, handle_sigint=False, http_session=self._http
        )
        self.socket.on("*", self._hear, namespace=NAMESPACE)
        self.socket.on("disconnect", self._lose, namespace=NAMESPACE)
        headers = {
            "Cookie": f"sid={site.session_of(self._user)}",
            "Origin": "http://127.0.0.1:8000",
        }
        connecting = self.socket.connect(
            url,
            headers,
            transports=["websocket"],
            namespaces=[NAMESPACE],
            wait_timeout=_CONNECT_TIMEOUT,
        )
        try:
            await asyncio.wait_for(connecting, _CONNECT_TIMEOUT + 1)
        except BaseException:
            await self.abort()
            raise

    async def _hear(self, event: str, *messages: Any) -> None:
        if not self._is_over:
            self._on_event(event, messages[0] if messages else None)

    async def _lose(self, *_: Any) -> None:
        self.is_lost = True
        if not self._is_over and not self.is_frozen:
            self._on_lost(self)

    async def say(self, event: str, argument: Any) -> None:
        with contextlib.suppress(socketio.exceptions.SocketIOError):
            await self.socket.emit(event, argument, namespace=NAMESPACE)

    def _transport(self) -> Any:
        with contextlib.suppress(AttributeError):
            return self.socket.eio.ws._response.connection.transport
        return None

    async def abort(self) -> None:
        """End the connection without a goodbye."""
        self._is_over = True
        eio = self.socket.eio
        if transport := self._transport():
            transport.abort()
        for task in (eio.read_loop_task, eio.write_loop_task):
            if task:
                task.cancel()
        eio.state = "disconnected"
        await self._http.close()

    async def say_goodbye(self) -> None:
        """Leave as a browser's client does, and close."""
        self._is_over = True
        with contextlib.suppress(Exception):
            await self.socket._send_packet(Packet(packet_type=DISCONNECT, namespace=NAMESPACE))
            await asyncio.wait_for(self.socket.eio.queue.join(), 2)
        await asyncio.sleep(0.1)
        await self.abort()

    def freeze(self) -> None:
        """Read nothing and say nothing, without an end: as a pulled cable, or a frozen tab."""
        self.is_frozen = True
        if transport := self._transport():
            with contextlib.suppress(RuntimeError):
                transport.pause_reading()

    def thaw(self) -> None:
        self.is_frozen = False
        if transport := self._transport():
            with contextlib.suppress(RuntimeError):
                transport.resume_reading()
        if self.is_lost:
            self._on_lost(self)


class Person:
    """Somebody with a connection, who comes back by himself when it is lost."""

    def __init__(
        self, name: str, user: str, server: int, urls: Urls, history: History, dice: random.Random
    ) -> None:
        self.name, self.user = name, user
        self.history = history
        self.dice = dice
        self.connection: Connection | None = None
        self._urls = urls
        self._server = server
        self._coming: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[Any]] = set()

    def soon(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def connect(self, server: int | None = None) -> Connection:
        """Connect to a server, or to the next one that lets us in."""
        if server is not None:
            self._server = server
        while True:
            connection = Connection(self.user, self._server, self.hear, self._lost)
            try:
                await connection.open(self._urls[self._server])
            except (
                socketio.exceptions.SocketIOError,
                aiohttp.ClientError,
                OSError,
                asyncio.TimeoutError,
            ):
                self._server = (self._server + 1) % SERVERS
                await asyncio.sleep(self.dice.uniform(0.1, 0.5))
                continue
            if connection.is_lost:
                await connection.abort()
                continue
            self.connection = connection
            return connection

    def _lost(self, connection: Connection) -> None:
        if connection is self.connection:
            self.connection = None
            self.on_lost()
            self.soon(connection.abort())
            self._server = (connection.server + self.dice.randrange(1, SERVERS)) % SERVERS
            self.come_back(self.dice.uniform(0.1, 2.0))

    def come_back(self, pause: float) -> None:
        async def come() -> None:
            await asyncio.sleep(pause)
            await self.connect()
            await self.on_back()

        if not self._coming or self._coming.done():
            self._coming = asyncio.ensure_future(come())

    @property
    def is_coming(self) -> bool:
        return self._coming is not None and not self._coming.done()

    async def close(self) -> None:
        for task in (self._coming, *self._tasks):
            if task:
                task.cancel()
        if self.connection:
            await self.connection.abort()

    def hear(self, event: str, message: Any) -> None:
        raise NotImplementedError

    def on_lost(self) -> None:
        raise NotImplementedError

    async def on_back(self) -> None:
        raise NotImplementedError


class Tab(Person):
    """A user's page: it is in one document, or in none."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.document: int | None = None
        self.activity = "viewing"
        self._session = ""
        self._numbers = itertools.count(1)
        self._lock = asyncio.Lock()
        self._gone: list[Connection] = []

    # --- what is written down ---

    def _begin(self, connection: Connection) -> None:
        self._session = f"{self.name}.{next(self._numbers)}"
        assert self.document is not None
        self.history.note(
            "enter",
            session=self._session,
            user=self.user,
            room=room_of(self.document),
            server=connection.server,
            activity=self.activity,
        )

    def _end(self, how: str) -> None:
        if self._session:
            self.history.note("end", session=self._session, how=how)
            self._session = ""

    # --- what it does ---

    async def act(self, action: Action) -> None:
        """Do something, unless it is still busy with what was before."""
        if self._lock.locked() or self.is_coming:
            return
        async with self._lock:
            await getattr(self, f"_{action.kind}")(action)

    async def _say(self, event: str) -> None:
        if self.connection and self.document is not None:
            payload: dict[str, Any] = {"doctype": "Airport", "name": site.document(self.document)}
            if event != "presence_leave":
                payload["activity"] = self.activity
            await self.connection.say(event, payload)

    async def _go_in(self) -> None:
        if self.connection and not self._session and not self.connection.is_lost:
            self._begin(self.connection)
            await self._say("presence_enter")

    async def _enter(self, action: Action) -> None:
        if self.document is not None:
            await self._activity(action)
            return
        connection = self.connection or await self.connect(action.server)
        if connection is self.connection:
            self.document, self.activity = action.document, action.activity
            await self._go_in()

    async def _move(self, action: Action) -> None:
        if self.document is not None and self.connection and self.document != action.document:
            await self._leave(action)
        await self._enter(action)

    async def _activity(self, action: Action) -> None:
        if self._session and self.activity != action.activity:
            self.activity = action.activity
            self.history.note("update", session=self._session, activity=self.activity)
            await self._say("presence_update")

    async def _leave(self, action: Action) -> None:
        if self._session:
            self._end("left")
            await self._say("presence_leave")
            self.document = None

    async def _goodbye(self, action: Action) -> None:
        if connection := self.connection:
            self._end("goodbye")
            self.document, self.connection = None, None
            await connection.say_goodbye()

    async def _abort(self, action: Action) -> None:
        if connection := self.connection:
            self._end("lost")
            self.document, self.connection = None, None
            await connection.abort()

    async def _reload(self, action: Action) -> None:
        await self._come_again(action.seconds, None)

    async def _switch(self, action: Action) -> None:
        await self._come_again(action.seconds, action.server)

    async def _come_again(self, pause: float, server: int | None) -> None:
        if connection := self.connection:
            self._end("lost")
            self.connection = None
            await connection.abort()
            await asyncio.sleep(pause)
            await self.connect(server)
            if self.document is not None:
                await self._go_in()

    async def _vanish(self, action: Action) -> None:
        if connection := self.connection:
            self._end("vanished")
            self.document, self.connection = None, None
            connection.freeze()
            self._gone.append(connection)

    async def _freeze(self, action: Action) -> None:
        connection = self.connection
        if connection is None:
            return
        self._end("vanished")
        connection.freeze()
        await asyncio.sleep(action.seconds)
        connection.thaw()
        # Still connected after a short one, without another word; else it comes back by itself.
        if not connection.is_lost and action.seconds < 5 and self.document is not None:
            self._begin(connection)

    async def _noise(self, action: Action) -> None:
        if self.connection:
            await self.connection.say("doc_subscribe", ("Airport", site.document(action.document)))
            await self.connection.say("ping", None)

    # --- what happens to it ---

    def hear(self, event: str, message: Any) -> None:
        if event == "room_denied" and self._session:
            self.history.note("refused tab", user=self.user, **message)
            if self.document is not None and message["room"] == room_of(self.document):
                self._end("denied")
                self.soon(self._try_again())

    async def _try_again(self) -> None:
        await asyncio.sleep(self.dice.uniform(0.3, 1.0))
        async with self._lock:
            if self.document is not None and self.connection:
                await self._go_in()

    def on_lost(self) -> None:
        self._end("lost")

    async def on_back(self) -> None:
        async with self._lock:
            if self.document is not None:
                await self._go_in()

    async def close(self) -> None:
        await super().close()
        for connection in self._gone:
            await connection.abort()


class Watcher(Person):
    """Watches every document, and asks again by the rules of our own client."""

    patience = 1.0
    """Seconds before it asks again for what it was denied."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.rooms = [room_of(number) for number in range(DOCUMENTS)]
        self.views: dict[str, View] = {}

    async def on_back(self) -> None:
        assert self.connection
        self.history.note("hears", watcher=self.name, server=self.connection.server)
        self.views = {room: View() for room in self.rooms}
        for room in list(self.views):
            await self._ask(room)

    def on_lost(self) -> None:
        self.history.note("deaf", watcher=self.name)

    async def _ask(self, room: str) -> None:
        if self.connection and room in self.views:
            self.views[room].ask()
            self.history.note("asked", watcher=self.name, room=room)
            await self.connection.say("room_watch", room)

    def hear(self, event: str, message: Any) -> None:
        if event not in ("room_state", "room_change", "room_denied"):
            return
        room = message["room"]
        self.history.note(event.removeprefix("room_"), watcher=self.name, **message)
        view = self.views.get(room)
        if view is None:
            return
        if event == "room_denied":
            self.soon(self._ask_later(room))
        elif event == "room_state":
            if view.hear_state(Snapshot(room, message["epoch"], message["seq"], message["state"])):
                self.soon(self._ask(room))
        elif view.hear_change(
            Change(room, message["epoch"], message["seq"], message["set"], message["unset"])
        ):
            self.soon(self._ask(room))

    async def _ask_later(self, room: str) -> None:
        await asyncio.sleep(self.patience)
        await self._ask(room)

    async def be_slow(self, seconds: float) -> None:
        """Read nothing for a while, and live."""
        connection = self.connection
        if connection is None:
            return
        self.history.note("down", part=self.name, cause="slow watchers")
        connection.freeze()
        await asyncio.sleep(seconds)
        connection.thaw()
        self.history.note("up", part=self.name)


class TaskWatcher(Watcher):
    """Watches every task that it is told of, goes and comes back."""

    patience = 5.0

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.rooms = []

    def follow(self, room: str) -> None:
        self.rooms.append(room)
        if self.connection:
            self.views[room] = View()
            self.soon(self._ask(room))

    async def go(self, seconds: float) -> None:
        """Close the page, and open it again."""
        connection = self.connection
        if connection is None or self.is_coming:
            return
        self.connection = None
        self.on_lost()
        await connection.abort()
        self.come_back(seconds)


class Stranger(Person):
    """May read nothing, and tries to."""

    async def on_back(self) -> None:
        pass

    def on_lost(self) -> None:
        pass

    async def keep_trying(self) -> None:
        while True:
            if self.connection:
                number = self.dice.randrange(DOCUMENTS)
                document = {"doctype": "Airport", "name": site.document(number)}
                await self.connection.say("room_watch", room_of(number))
                await self.connection.say("presence_enter", document)
                await self.connection.say("doc_open", ("Airport", document["name"]))
                await self.connection.say(
                    "presence_list", {"doctype": "Airport", "names": [document["name"]]}
                )
            await asyncio.sleep(self.dice.uniform(0.5, 2.0))

    def hear(self, event: str, message: Any) -> None:
        room = message.get("room", "") if isinstance(message, dict) else ""
        if event in ("room_state", "room_change", "doc_viewers"):
            room = room or f"presence:{message['doctype']}/{message['docname']}"
            self.history.note("leak", user=self.user, room=room, event=event)
        elif event == "room_denied":
            self.history.note("refused", user=self.user, room=room, reason=message["reason"])

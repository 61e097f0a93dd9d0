"""A socket may end at any moment of what it has asked for; then nothing keeps it in mind.

The server runs in this process, with a real Redis. Each answer of Redis and of Frappe that an event
waits for is held back in turn, the socket ends before or after it comes, and then every book is
empty, the ones that nobody thought of, too: there is no such session any more.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import itertools
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from presence_progress.server import extensions, metrics
from presence_progress.server.app import RealtimeServer
from presence_progress.server.calls import Calls
from presence_progress.server.engine import Connection, end_tasks
from presence_progress.server.questions import Questions
from presence_progress.server.sessions import Handler, Session
from presence_progress.settings import Settings
from tests.conftest import RedisServer

SITE, USER = "site.example", "a@example.com"
ENVIRON = {
    "QUERY_STRING": "EIO=4&transport=websocket",
    "REQUEST_METHOD": "GET",
    "HTTP_HOST": SITE,
    "HTTP_COOKIE": "sid=abc",
}

ANSWERS: dict[str, Any] = {
    "get_user_info": {
        "user": "a@example.com",
        "user_type": "System User",
        "installed_apps": ["app"],
    },
    "has_permission": True,
    "people": {USER: {"name": "A"}},
    "hooks": ["entered"],
    "look": {"users": {}, "may_read": [True, True]},
    "count": [{"value": 3}],
}
"""What the site answers, by the last part of a method's name."""


class WebSocket:
    """A client's end, which hears everything and says what the test wants."""

    is_ready = True
    unsent = 0
    listener: Any = None

    def __init__(self) -> None:
        self.heard: list[str] = []

    def send(self, message: str) -> None:
        self.heard.append(message)

    def close(self) -> None:
        self.is_ready = False


class Answers:
    """Counts the answers that come, and holds one of them back."""

    def __init__(self) -> None:
        self.hold(0)

    def hold(self, number: int) -> None:
        """Hold back this one of those to come; 0 for none."""
        self.came, self._number = 0, number
        self.is_held, self.release = asyncio.Event(), asyncio.Event()

    async def pass_on(self, answer: Any) -> Any:
        self.came += 1
        if self.came == self._number:
            self.is_held.set()
            await self.release.wait()
        return answer


class World:
    """A server, whose clients are made here."""

    def __init__(self, server: RealtimeServer, answers: Answers) -> None:
        self.server, self.answers = server, answers

    async def connect(self, site: str = SITE) -> Connection:
        websocket = WebSocket()
        environ = {**ENVIRON, "HTTP_HOST": site}
        connection = self.server._sio.eio.greet(environ, websocket)
        assert isinstance(connection, Connection)
        websocket.listener = connection
        connection.go_on()
        connection.hear(f"40/{site},")
        return connection

    async def settle(self) -> None:
        """Wait until nothing is under way: no task of the server's, and no answer."""
        while True:
            for _ in range(3):
                await asyncio.sleep(0)  # what is called back makes new tasks
            busy = [task for task in asyncio.all_tasks() if _is_of_the_server(task)]
            if not busy:
                return
            await asyncio.wait(busy, return_when=asyncio.FIRST_COMPLETED)

    async def wait_until_held(self) -> bool:
        """Wait until an answer is held back, or all have come; returns which."""
        waiting = asyncio.ensure_future(self.answers.is_held.wait())
        settling = asyncio.ensure_future(self.settle())
        await asyncio.wait({waiting, settling}, return_when=asyncio.FIRST_COMPLETED)
        await end_tasks(waiting, settling)  # type: ignore[arg-type]
        return self.answers.is_held.is_set()

    def books(self) -> dict[str, Any]:
        """Return what stands in any book of the server's, by the book's name."""
        server, manager = self.server, self.server._sio.manager
        stays = {place: held for place, held in server._node._stays.items() if held}
        books = {
            "sessions": server._sessions,
            "rooms": server._services.fanout._sites,
            "doc_viewers": server._services.viewers._told,
            "online": server._online._users,
            "live queries": server._queries._queries,
            "live queries of users": server._queries._watched,
            "presence": stays,
            "rights": [name for name, site in server._rights._sites.items() if site.is_held()],
            "limits of users": server._user_limits._rates,
            "connections": server._sio.eio.sockets,
            "requests": server._sio.environ,
            "attachments": server._sio._binary_packet,
            "connecting": manager.connecting,
            "namespaces": manager.rooms,
            "ending": manager.pending_disconnect,
            "acknowledgements": manager.callbacks,
        }
        return {name: book for name, book in books.items() if book}


def _is_of_the_server(task: asyncio.Task[Any]) -> bool:
    coroutine: Any = task.get_coro()
    # Theirs wait for the server; but those that hold answers back are its answers.
    file = Path(coroutine.cr_code.co_filename)
    is_the_tests = file.parent == Path(__file__).parent and coroutine.__name__ != "hold"
    return not is_the_tests and coroutine.__qualname__ != "Event.wait"


@pytest.fixture
async def world(redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    answers = Answers()

    async def ask(self: Any, site: str, credentials: Any, method: str, *_: Any, **__: Any) -> Any:
        return await answers.pass_on(ANSWERS.get(method.rpartition(".")[2], True))

    run = Calls.run

    def run_and_hold(self: Calls, call: Any) -> asyncio.Future[Any]:
        async def hold(asked: asyncio.Future[Any]) -> Any:
            return await answers.pass_on(await asked)

        return asyncio.ensure_future(hold(run(self, call)))

    monkeypatch.setattr(Questions, "ask", ask)
    monkeypatch.setattr(Calls, "run", run_and_hold)
    server = RealtimeServer(Settings(redis_url=redis_server.url))
    server._events["an_apps_own"] = Handler(_of_an_app)
    await server._node._renew()
    yield World(server, answers)
    await server._stop()


async def _of_an_app(session: Session) -> None:
    async def handle(connection: extensions.Session) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await connection.has_permission("Airport", "KJFK")
        await connection.join("room of an app's")

    await extensions._run("app", "an_apps_own", handle, session)


DOCUMENT = '{"doctype":"Airport","name":"KJFK"}'
EVENTS = {
    "connecting": [],
    "room_watch presence": ['["room_watch","presence:Airport/KJFK"]'],
    "room_watch query": ['["room_watch","query:Airport/"]'],
    "room_watch task": ['["room_watch","task:a"]'],
    "presence_enter": [f'["presence_enter",{DOCUMENT}]'],
    "presence_update": [f'["presence_enter",{DOCUMENT}]', f'["presence_update",{DOCUMENT}]'],
    "presence_leave": [f'["presence_enter",{DOCUMENT}]', f'["presence_leave",{DOCUMENT}]'],
    "presence_list": ['["presence_list",{"doctype":"Airport","names":["KJFK","EDDB"]}]'],
    "presence_invisible": ['["presence_invisible",true]', f'["presence_enter",{DOCUMENT}]'],
    "doc_open": ['["doc_open","Airport","KJFK"]', '["doc_open","Airport","EDDB"]'],
    "doc_close": ['["doc_open","Airport","KJFK"]', '["doc_close","Airport","KJFK"]'],
    "doc_subscribe": ['["doc_subscribe","Airport","KJFK"]', '["doctype_subscribe","Airport"]'],
    "task_subscribe": ['["task_subscribe","a"]'],
    "task_cancel": ['["task_cancel","a"]', '["task_retry","a"]', '["task_details","a"]'],
    "tasks_seen": ['["tasks_seen",1]'],
    "an app's own": ['["an_apps_own"]'],
}
"""What a client says, before it goes."""


def _end(connection: Connection) -> None:
    connection.lose(1006)


def _say_goodbye(connection: Connection) -> None:
    connection.hear(f"41/{SITE},")
    connection.lose(1006)


@pytest.mark.parametrize("events", EVENTS.values(), ids=EVENTS)
async def test_a_socket_that_ends_while_it_is_answered_is_in_no_book(
    world: World, events: list[str]
) -> None:
    for end, is_first in itertools.product((_end, _say_goodbye), (True, False)):
        held, was_held = 0, True
        while was_held:
            held += 1
            was_held = await _end_at(world, events, held, end, is_first)
            assert world.books() == {}, f"{end.__name__} {is_first=}, answer {held} held back"
        assert held > 1, "there was nothing to be held back"
    reconciled = metrics.RECONCILED._value.get()
    await world.server._node._keep()
    assert metrics.RECONCILED._value.get() == reconciled, "Redis knows of nobody either"
    gc.collect()
    assert not [one for one in gc.get_objects() if isinstance(one, Session)], "in some other book"


async def _end_at(
    world: World, events: list[str], held: int, end: Callable[[Connection], None], is_first: bool
) -> bool:
    """End a socket while it waits for an answer; return whether there was one to wait for."""
    world.server._access.forget(SITE)
    world.answers.hold(held if not events else 0)
    connection = await world.connect()
    if events:
        await world.settle()
        assert world.server._sessions, "it is connected"
        world.answers.hold(held)
        for event in events:
            connection.hear(f"42/{SITE},{event}")
    was_held = await world.wait_until_held()
    if is_first:
        end(connection)
        await asyncio.sleep(0)
        world.answers.release.set()
    else:
        world.answers.release.set()
        end(connection)
    await world.settle()
    return was_held

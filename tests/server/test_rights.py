"""Rights stay true: asked again while somebody stands on them, and at once on Frappe's signals."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from http import HTTPStatus
from typing import Any, cast

import pytest
from aiohttp import web

from presence_progress import counts
from presence_progress.demo import database
from presence_progress.room_rights import Document
from presence_progress.server import rights
from presence_progress.server.access import Access, Identity
from presence_progress.server.connection import connect, disconnect
from presence_progress.server.engine import end_tasks
from presence_progress.server.questions import Denied, Questions, Unavailable
from presence_progress.server.rights import Rights
from presence_progress.server.sessions import Session
from presence_progress.settings import Limits, Settings
from tests.server.conftest import SITE, Client, Connect, Process, Stack, session_of
from tests.server.faults import Fault, Faults, Forward, answer

EDITOR, VIEWER = "editor@example.com", "viewer@example.com"
DOCUMENT = {"doctype": "Airport", "name": "KJFK"}
ROOM = "presence:Airport/KJFK"

# --- a whole server, and a site that changes its mind ---------------------------------------------


async def no_to_viewer(request: web.Request, forward: Forward) -> web.StreamResponse:
    """Answer as a site with the app would that has taken a right away."""
    answer = json.loads(cast(web.Response, await forward()).text or "")
    for index, (user, _, _) in enumerate((await request.json())["questions"]):
        answer["message"]["may_read"][index] = user != VIEWER
    return web.json_response(answer)


def no_to(sid: str) -> Fault:
    """Answer no to a session that asks in its user's name, and to others what the site says."""

    async def fault(request: web.Request, forward: Forward) -> web.StreamResponse:
        if request.cookies.get("sid") == sid:
            return web.json_response({"exc_type": "PermissionError"}, status=403)
        return await forward()

    return fault


no_such_method = answer(HTTPStatus.EXPECTATION_FAILED, '{"exc_type": "ValidationError"}')


SIGNALS: dict[str, dict[str, Any]] = {
    "update_user_permissions": {"event": "update_user_permissions", "user": VIEWER},
    "a role taken away": {
        "event": "doc_update",
        "message": {"doctype": "User", "name": VIEWER, "modified": "now"},
        "doctype": "User",
        "docname": VIEWER,
    },
    "a share taken away": {
        "event": "doc_update",
        "message": {"doctype": "DocShare", "name": "x", "modified": "now"},
        "doctype": "DocShare",
        "docname": "x",
    },
}


@pytest.mark.parametrize("has_app", [True, False], ids=["with the app", "without it"])
@pytest.mark.parametrize("signal", SIGNALS.values(), ids=SIGNALS)
async def test_whoever_loses_the_right_is_ejected_at_once(
    guarded: Process, faults: Faults, sign_in: Connect, signal: dict[str, Any], has_app: bool
) -> None:
    viewer, editor = await sign_in(VIEWER, guarded), await sign_in(EDITOR, guarded)
    for client in (viewer, editor):
        await client.watch(ROOM)
        await client.say("presence_enter", DOCUMENT)
        await client.say("doc_subscribe", "Airport", "KJFK")
        await client.settle()
    with (
        faults.during("has_permission", fault=no_to(viewer.sid)),
        faults.during("look", fault=no_to_viewer if has_app else no_such_method),
    ):
        counts.publish_realtime(**signal)
        denied = await viewer.wait_for("room_denied", lambda m: m["room"] == ROOM)
        assert denied["reason"] == "not permitted"
        await editor.wait_for_leave(VIEWER)
        await viewer.settle()
        viewer.forget()
        counts.publish_realtime("secret", doctype="Airport", docname="KJFK")
        await editor.say("presence_update", {**DOCUMENT, "activity": "editing"})
        await editor.wait_for("secret")
        await editor.wait_for("room_change", lambda m: EDITOR in m["set"])
        await viewer.settle()
    assert [event for event, _ in viewer.heard] == ["pong"]
    assert not [m for event, m in editor.heard if event == "room_denied"]


async def test_a_session_that_ends_takes_its_sockets_along(
    stack: Stack, guarded: Process, sign_in: Connect
) -> None:
    here, elsewhere = await sign_in(VIEWER, guarded), await sign_in(VIEWER, guarded)
    for client in (here, elsewhere):
        await client.watch(ROOM)
    gone = asyncio.Event()
    here.socket.on("disconnect", gone.set, namespace=f"/{SITE}")
    with database.connect(stack.database) as db:
        db.execute("DELETE FROM session WHERE sid = ?", (here.sid,))
    # Frappe logs a logout, and publishes that the log has a new row.
    counts.publish_realtime("list_update", {"doctype": "Activity Log", "name": "x", "user": VIEWER})
    await asyncio.wait_for(gone.wait(), 15)
    await elsewhere.settle()
    assert not [m for event, m in elsewhere.heard if event == "room_denied"]


async def test_many_sockets_of_a_user_ask_once(
    stack: Stack, guarded: Process, faults: Faults
) -> None:
    sid = await session_of(stack, VIEWER)
    clients = [await Client(sid).connect(guarded.url) for _ in range(10)]
    faults.forget()
    async with faults.held("has_permission"):
        for client in clients:
            await client.say("doc_subscribe", "Airport", "KJFK")
        await faults.wait_asked("has_permission")
    for client in clients:
        await client.settle()
        await client.socket.disconnect()
    assert len(faults.asked("has_permission")) == 1


async def test_a_page_of_a_list_is_asked_for_at_once(
    guarded: Process, faults: Faults, sign_in: Connect
) -> None:
    viewer = await sign_in(VIEWER, guarded)
    faults.forget()
    async with faults.held("has_permission"):
        for number in range(10):
            await viewer.say("room_watch", f"presence:Airport/{number}")
        # One after the other, the second would wait for the first one's answer.
        await faults.wait_asked("has_permission", count=Limits.requests_per_user)
    await faults.wait_asked("has_permission", count=10)


# --- the loop alone, with a minute that passes at once --------------------------------------------


class Frappe:
    """Answers questions as a test wants: ``no`` holds the documents that it denies, ``ended`` the
    sessions that have ended."""

    def __init__(self, has_app: bool) -> None:
        self.has_app = has_app
        self.no: set[str] = set()
        self.ended: set[str] = set()
        self.is_away = False
        self.asked = asyncio.Semaphore(0)

    async def ask(
        self,
        site: str,
        credentials: Any,
        method: str,
        parameters: Any = None,
        body: Any = None,
        **_: Any,
    ) -> Any:
        self.asked.release()
        if self.is_away:
            raise Unavailable("away")
        if method.endswith("look"):
            if not self.has_app:
                raise Denied(417)
            users = {sid: "user" for sid in body["sessions"] if sid not in self.ended}
            may_read = [name not in self.no for _, _, name in body["questions"]]
            return {"users": users, "may_read": may_read}
        sid = credentials["Cookie"].removeprefix("sid=")
        if method.endswith("get_user_info"):
            return {"user": "Guest" if sid in self.ended else "user", "installed_apps": []}
        if sid in self.ended or parameters["name"] in self.no:
            raise Denied(403)
        return True


class Seat:
    """As much of a session as its rights need."""

    def __init__(self, sid: str, *documents: Document) -> None:
        self.identity = Identity("site", "user", "Website User", {"Cookie": f"sid={sid}"}, ())
        self.held = set(documents)
        self.ejected = asyncio.Event()

    def documents(self) -> set[Document]:
        return self.held

    def eject(self, document: Document) -> None:
        self.held.discard(document)
        self.ejected.set()


class Table:
    """A loop of rights that runs over some seats."""

    def __init__(self, redis: Any, has_app: bool, *seats: Seat) -> None:
        self.frappe = Frappe(has_app)
        self.seats = list(seats)
        self.dropped: list[Seat] = []
        self.rights = Rights(
            Access(cast(Questions, self.frappe), redis),
            lambda: cast(list[Session], self.seats),
            self._drop,
        )

    async def _drop(self, session: Session, why: str) -> None:
        seat = cast(Seat, session)
        if seat in self.seats:  # its identity and its right may be asked again side by side
            self.seats.remove(seat)
            self.dropped.append(seat)


Run = Callable[..., Table]


@pytest.fixture(params=[True, False], ids=["with the app", "without it"])
async def run(redis_url: str, request: pytest.FixtureRequest) -> AsyncIterator[Run]:
    """Return a function that runs the loop over some seats."""
    redis = connect(Settings(redis_url=redis_url))
    tasks = []

    def run_over(*seats: Seat) -> Table:
        table = Table(redis, request.param, *seats)
        tasks.append(asyncio.ensure_future(table.rights.run()))
        return table

    yield run_over
    await end_tasks(*tasks)
    await disconnect(redis)


@pytest.fixture(autouse=True)
def _a_minute_that_passes_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rights, "PERMISSION_RENEWAL", (0, 0))
    monkeypatch.setattr(rights, "RIGHTS_INTERVAL", 0.01)


async def times(table: Table, count: int) -> None:
    for _ in range(count):
        await asyncio.wait_for(table.frappe.asked.acquire(), 10)


async def test_a_right_is_asked_for_again_without_any_signal(run: Run) -> None:
    seat = Seat("a", ("ToDo", "one"), ("ToDo", "two"))
    table = run(seat)
    await times(table, 4)
    table.frappe.no.add("one")
    await asyncio.wait_for(seat.ejected.wait(), 10)
    assert seat.held == {("ToDo", "two")}


async def test_while_frappe_is_away_nobody_is_ejected(run: Run) -> None:
    seat = Seat("a", ("ToDo", "one"))
    table = run(seat)
    table.frappe.is_away = True
    await times(table, 5)
    assert not seat.ejected.is_set()
    table.frappe.is_away = False
    table.frappe.no.add("one")
    await asyncio.wait_for(seat.ejected.wait(), 10)


async def test_the_no_to_an_ended_session_is_not_the_users(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rights, "IDENTITY_RENEWAL", 0)
    ended, living = Seat("ended", ("ToDo", "one")), Seat("living", ("ToDo", "one"))
    table = run(ended, living)
    table.frappe.ended.add("ended")
    while not table.dropped:
        await times(table, 1)
    await times(table, 3)
    assert table.dropped == [ended] and table.seats == [living]
    assert not living.ejected.is_set()

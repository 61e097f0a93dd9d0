"""Who wants to be invisible is so on every server, and is not shown while nobody can say it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from http import HTTPStatus
from types import SimpleNamespace
from typing import Any, cast

import aiohttp
import pytest

from presence_progress import counts
from presence_progress.demo import database
from presence_progress.presence import Who
from presence_progress.server import invisible
from presence_progress.server.access import Access, Identity
from presence_progress.server.bus import read_event
from presence_progress.server.connection import connect, disconnect
from presence_progress.server.people import Person
from presence_progress.server.questions import Denied, Failed, Questions, Unavailable
from presence_progress.server.sessions import Session
from presence_progress.settings import MAX_PEOPLE_ASKED, Settings
from tests.server.conftest import SITE, Client, Connect, Process, Stack, session_of
from tests.server.faults import Faults, answer

EDITOR, VIEWER, NOBODY = "editor@example.com", "viewer@example.com", "no-access@example.com"
ELIF = Who("Elif Editor", "/files/editor.svg")
SET = "/api/method/presence_progress.site.presence.set_invisible"


@pytest.fixture(autouse=True)
def _everybody_is_visible(stack: Stack) -> Iterator[None]:
    yield
    with database.connect(stack.database) as db:
        db.execute("DELETE FROM invisible")


def stored(stack: Stack) -> set[str]:
    with database.connect(stack.database) as db:
        return {row["user"] for row in db.execute("SELECT user FROM invisible")}


# --- the wish, from a page to the site and back to all of the user's pages ------------------------


async def test_a_wish_is_stored_and_reaches_all_pages_of_the_user_alone(
    stack: Stack, server: Process, sign_in: Connect
) -> None:
    second = await asyncio.to_thread(stack.start_server)
    here, there = await sign_in(EDITOR, server), await sign_in(EDITOR, second)
    other = await sign_in(VIEWER, second)
    for wish in (True, False):
        await here.say("presence_invisible", wish)
        for page in (here, there):
            told = await page.wait_for("presence_settings")
            assert told == {"user": EDITOR, "invisible": wish}
            page.forget()
        assert (EDITOR in stored(stack)) is wish
    await other.settle()
    assert [event for event, _ in other.heard] == ["pong"]


async def test_a_page_that_is_loaded_learns_that_its_user_is_invisible(
    stack: Stack, server: Process, sign_in: Connect
) -> None:
    before = await sign_in(EDITOR, server)
    await before.say("presence_invisible", True)
    await before.wait_for("presence_settings")
    after = await sign_in(EDITOR, server)
    told = await after.wait_for("presence_settings")
    assert told == {"user": EDITOR, "invisible": True}
    # For the tests that come after, on the same server.
    await after.say("presence_invisible", False)
    await after.wait_for("presence_settings", lambda m: not m["invisible"])


@pytest.mark.parametrize("wish", [None, "true", 1, {}, []])
async def test_what_is_no_wish_changes_nothing(
    stack: Stack, server: Process, sign_in: Connect, wish: Any
) -> None:
    editor = await sign_in(EDITOR, server)
    await editor.say("presence_invisible", wish)
    denied = await editor.wait_for("room_denied")
    assert denied == {"room": "presence_settings", "reason": "no such room"}
    assert not stored(stack)


async def test_a_guest_cannot_be_invisible(stack: Stack, server: Process) -> None:
    guest = await Client("Guest").connect(server.url)
    await guest.say("presence_invisible", True)
    told = await guest.wait_for("presence_settings")
    assert told == {"user": "Guest", "invisible": False} and not stored(stack)
    await guest.socket.disconnect()


async def test_a_site_that_cannot_store_it_says_what_is_so(
    stack: Stack, faults: Faults, sign_in: Connect
) -> None:
    server = await asyncio.to_thread(stack.start_server, site_url=faults.url)
    editor = await sign_in(EDITOR, server)
    no_such_method = answer(HTTPStatus.EXPECTATION_FAILED, '{"exc_type": "ValidationError"}')
    with faults.during("set_invisible", fault=no_such_method):
        await editor.say("presence_invisible", True)
        told = await editor.wait_for("presence_settings")
    assert told == {"user": EDITOR, "invisible": False} and not stored(stack)
    await asyncio.to_thread(server.stop)


async def test_only_a_server_of_the_bench_says_it_for_others(stack: Stack) -> None:
    sid = await session_of(stack, VIEWER)
    async with aiohttp.ClientSession(cookies={"sid": sid}) as http:
        for secret in ({}, {"X-Presence-Progress-Secret": "wrong"}):
            body = {"invisible": True, "user": EDITOR}
            async with http.post(stack.site.url + SET, json=body, headers=secret) as reply:
                assert reply.status == HTTPStatus.FORBIDDEN
        assert not stored(stack)
        async with http.post(stack.site.url + SET, json={"invisible": True}) as reply:
            assert reply.status == HTTPStatus.OK
    assert stored(stack) == {VIEWER}


# --- what others see ------------------------------------------------------------------------------

ROOMS = ("presence:Airport/KJFK", "presence:Airport/EDDB", "online")


async def enter(client: Client, name: str) -> None:
    await client.say("presence_enter", {"doctype": "Airport", "name": name})
    await client.settle()


async def wait_for_coming(watcher: Client, *rooms: str) -> None:
    for room in rooms:
        await watcher.wait_until_there(room, EDITOR)


async def wait_for_going(watcher: Client, *rooms: str) -> None:
    for room in rooms:
        await watcher.wait_for("room_change", _is_going(room))


def _is_going(room: str) -> Callable[[Any], bool]:
    return lambda message: message["room"] == room and EDITOR in message["unset"]


async def test_others_see_nothing_of_who_is_invisible_wherever_he_is(
    stack: Stack, server: Process, sign_in: Connect
) -> None:
    second = await asyncio.to_thread(stack.start_server)
    viewer = await sign_in(VIEWER, server)
    for room in ROOMS:
        await viewer.watch(room)
    here, there = await sign_in(EDITOR, server), await sign_in(EDITOR, second)
    await enter(here, "KJFK")
    await enter(there, "EDDB")
    await wait_for_coming(viewer, *ROOMS)
    viewer.forget()
    await here.say("presence_invisible", True)
    await wait_for_going(viewer, *ROOMS)
    # Neither what he enters now, nor from a page that he opens now.
    viewer.forget()
    await enter(here, "EDDB")
    third = await sign_in(EDITOR, second)
    await enter(third, "KJFK")
    await viewer.settle()
    assert not [m for event, m in viewer.heard if event == "room_change" and EDITOR in m["set"]]
    # He sees the others, and himself among them again when he wants to.
    await third.watch("online")
    await third.wait_until_there("online", VIEWER)
    await third.say("presence_invisible", False)
    await wait_for_coming(viewer, *ROOMS)


async def test_who_comes_invisible_is_shown_once_he_wants_to_be(
    server: Process, sign_in: Connect
) -> None:
    viewer, first = await sign_in(VIEWER, server), await sign_in(NOBODY, server)
    await viewer.watch("online")
    await first.say("presence_invisible", True)
    await first.wait_for("presence_settings")
    second = await sign_in(NOBODY, server)
    await first.say_goodbye()
    await second.settle()
    viewer.forget()
    await second.say("presence_invisible", False)
    await viewer.wait_for("room_change", lambda m: m["room"] == "online" and NOBODY in m["set"])


async def test_what_was_asked_before_a_wish_does_not_undo_it(
    stack: Stack, faults: Faults, sign_in: Connect
) -> None:
    server = await asyncio.to_thread(stack.start_server, site_url=faults.url)
    viewer, first = await sign_in(VIEWER, server), await sign_in(NOBODY, server)
    await viewer.watch("online")
    # He is online once the site has said who he is.
    await viewer.wait_until_there("online", NOBODY)
    await first.say("presence_invisible", True)
    await viewer.wait_for("room_change", lambda m: NOBODY in m["unset"])
    async with faults.late("people") as is_told:
        second = await sign_in(NOBODY, server)
        await asyncio.wait_for(is_told.wait(), 10)
        await second.say("presence_invisible", False)
        await second.wait_for("presence_settings", lambda m: not m["invisible"])
        viewer.forget()
    await viewer.wait_for("room_change", lambda m: NOBODY in m["set"])
    await asyncio.to_thread(server.stop)
    assert [event for event, _ in second.heard if event == "presence_settings"] == [
        "presence_settings"
    ]


async def test_hiding_does_not_wait_for_what_a_client_has_in_line(
    guarded: Process, faults: Faults, sign_in: Connect
) -> None:
    viewer, editor = await sign_in(VIEWER, guarded), await sign_in(EDITOR, guarded)
    await viewer.watch("online")
    await viewer.watch(ROOMS[0])
    await viewer.wait_until_there("online", EDITOR)
    await enter(editor, "KJFK")
    await viewer.wait_until_there(ROOMS[0], EDITOR)
    faults.questions.clear()
    async with faults.held("has_permission"):
        await editor.say("room_watch", "presence:Airport/LFPG")
        await faults.wait_asked("has_permission")
        counts.publish_realtime(
            "presence_settings", {"user": EDITOR, "invisible": True}, user=EDITOR
        )
        for room in ("online", ROOMS[0]):
            await wait_for_going(viewer, room)
        assert "room_denied" not in [event for event, _ in editor.heard], "it still waits"
    await editor.settle()


async def test_a_wish_that_was_not_heard_is_followed_after_the_doubt(
    own_stack: Stack, sign_in: Connect
) -> None:
    server = await asyncio.to_thread(own_stack.start_server)
    viewer, editor = await sign_in(VIEWER, server), await sign_in(EDITOR, server)
    await viewer.watch(ROOMS[0])
    await enter(editor, "KJFK")
    await wait_for_coming(viewer, ROOMS[0])
    with database.connect(own_stack.database) as db:
        db.execute("INSERT INTO invisible VALUES (?)", (EDITOR,))
    own_stack.redis.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
    await wait_for_going(viewer, ROOMS[0])


# --- the event, heard by every server -------------------------------------------------------------


class Seat:
    """As much of a session as its visibility needs."""

    def __init__(self, site: str, user: str, access: Access | None = None) -> None:
        self.identity = Identity(site, user, "System User", {}, ())
        self.services = SimpleNamespace(access=access)
        self.has_heard_wish = self.is_invisible = False
        self.told: list[bool] = []
        self.heard: list[Any] = []

    def set_invisible(self, invisible: bool) -> None:
        self.is_invisible = invisible
        self.told.append(invisible)

    def send(self, event: str, message: Any) -> None:
        self.heard.append((event, message))


class Site:
    """Answers who people are; ``error`` is what it does instead, ``gate`` holds it up."""

    def __init__(self) -> None:
        self.invisible: set[str] = set()
        self.error: Exception | None = None
        self.stock_error: Exception | None = None
        self.asked: list[list[str]] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def ask(
        self,
        site: str,
        credentials: Any,
        method: str,
        parameters: Any = None,
        body: Any = None,
        **_: Any,
    ) -> Any:
        if method.endswith("get_user_info_for_viewers"):
            if self.stock_error:
                raise self.stock_error
            return {EDITOR: {"fullname": ELIF.name, "image": ELIF.image}}
        assert method == "presence_progress.site.presence.people"
        self.asked.append(body["users"])
        # As it is when the question comes, however late its answer is.
        invisible = set(self.invisible)
        await self.gate.wait()
        if self.error:
            raise self.error
        return {
            user: {"name": f"Name of {user}", "image": "", "invisible": user in invisible}
            for user in body["users"]
            if user != "unknown"
        }


@pytest.fixture
async def site() -> Site:
    return Site()


@pytest.fixture
async def access(redis_url: str, site: Site) -> AsyncIterator[Access]:
    redis = connect(Settings(redis_url=redis_url))
    yield Access(cast(Questions, site), redis)
    await disconnect(redis)


def identity(user: str) -> Identity:
    return Identity(SITE, user, "System User", {}, ())


def settings_event(stack: Stack, message: Any, user: str) -> bytes:
    """Return what a site publishes, as it stands on the channel."""
    pubsub = stack.redis.pubsub(ignore_subscribe_messages=True)
    pubsub.subscribe("events")
    # The confirmation of the subscription: from here on nothing is missed.
    pubsub.get_message(timeout=5)
    counts.publish_realtime("presence_settings", message, user=user)
    while True:
        found = pubsub.get_message(timeout=5)
        if found and b"presence_settings" in found["data"]:
            pubsub.close()
            data: bytes = found["data"]
            return data


async def test_an_event_of_the_site_hides_all_sessions_of_its_user(
    stack: Stack, access: Access, site: Site
) -> None:
    seats = [Seat(SITE, EDITOR), Seat(SITE, EDITOR), Seat(SITE, VIEWER), Seat("other", EDITOR)]
    assert not (await access.person(identity(EDITOR))).invisible
    site.invisible.add(EDITOR)
    for told, expected in (
        ({"user": EDITOR, "invisible": True}, [True]),
        ({"user": EDITOR, "invisible": False}, [True, False]),
        ({"user": EDITOR}, [True, False]),
        ("nothing that makes sense", [True, False]),
    ):
        event = read_event(settings_event(stack, told, EDITOR))
        assert event
        invisible.hear(event, access, cast(list[Session], seats))
        assert [seat.told for seat in seats] == [expected, expected, [], []]
    assert (await access.person(identity(EDITOR))).invisible, "what was known is forgotten"


async def test_a_wish_that_is_heard_while_a_page_has_heard_wish_is_not_undone(
    stack: Stack, access: Access, site: Site
) -> None:
    seat = Seat(SITE, EDITOR, access)
    site.gate.clear()
    introducing = asyncio.ensure_future(invisible.introduce(cast(Session, seat)))
    site.invisible.add(EDITOR)
    # Two in a row: what is asked again after the first one is too old by the second one.
    for asked, wish in ((1, True), (2, False)):
        while len(site.asked) < asked:
            await asyncio.sleep(0)
        event = read_event(settings_event(stack, {"user": EDITOR, "invisible": wish}, EDITOR))
        assert event
        invisible.hear(event, access, cast(list[Session], [seat]))
        site.gate.set()
        site.gate.clear()
    await introducing
    assert seat.told == [True, False] and not seat.heard


async def test_a_wish_that_is_heard_while_it_is_looked_after_a_doubt_is_not_undone(
    stack: Stack, access: Access, site: Site
) -> None:
    seat = Seat(SITE, EDITOR)
    sessions = cast(list[Session], [seat])
    site.gate.clear()
    looking = asyncio.ensure_future(invisible.look_again(access, sessions))
    while not site.asked:
        await asyncio.sleep(0)
    site.invisible.add(EDITOR)
    event = read_event(settings_event(stack, {"user": EDITOR, "invisible": True}, EDITOR))
    assert event
    invisible.hear(event, access, sessions)
    site.gate.set()
    await looking
    assert seat.told == [True]
    assert (await access.person(identity(EDITOR))).invisible


async def test_people_who_come_together_are_asked_for_together(access: Access, site: Site) -> None:
    site.gate.clear()
    first = asyncio.ensure_future(access.person(identity("0")))
    while not site.asked:
        await asyncio.sleep(0)
    crowd = [str(number) for number in range(MAX_PEOPLE_ASKED + 1)]
    asked = []
    for user in crowd:
        asked.append(asyncio.ensure_future(access.person(identity(user))))
        await asyncio.sleep(0)
    site.gate.set()
    site.invisible.add("7")
    people = await asyncio.gather(*asked)
    assert (await first) == people[0] == Person(Who("Name of 0"))
    assert [user for user, person in zip(crowd, people, strict=True) if person.invisible] == ["7"]
    assert [len(users) for users in site.asked] == [1, MAX_PEOPLE_ASKED]


async def test_whom_a_site_does_not_know_is_shown_by_his_id(access: Access) -> None:
    assert await access.person(identity("unknown")) == Person(Who("unknown"))


@pytest.mark.parametrize("error", [Unavailable("away"), Failed("500")])
async def test_nobody_is_shown_while_the_site_cannot_say_who_is_invisible(
    access: Access, site: Site, error: Exception
) -> None:
    site.error = error
    with pytest.raises(Unavailable):
        await access.person(identity(EDITOR))
    site.error = None
    site.invisible.add(EDITOR)
    assert (await access.person(identity(EDITOR))).invisible


async def test_a_site_without_the_app_is_asked_as_its_own_pages_ask(
    access: Access, site: Site
) -> None:
    site.error = Denied(417)
    assert await access.person(identity(EDITOR)) == Person(ELIF)
    site.stock_error = Unavailable("away")
    assert await access.person(identity(VIEWER)) == Person(Who(VIEWER))
    assert len(site.asked) == 1, "that it does not have the app is known"

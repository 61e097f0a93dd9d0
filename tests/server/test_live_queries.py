"""Live queries: the number that a user may see, kept true by asking Frappe again."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from http import HTTPStatus
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiohttp import web

from presence_progress import context, counts, keys
from presence_progress.demo import database
from presence_progress.server import live_queries
from presence_progress.server.access import Identity
from presence_progress.server.bus import Event
from presence_progress.server.count_questions import Asked, Counted, CountQuestions
from presence_progress.server.debounce import Debounce
from presence_progress.server.limits import OverLimit
from presence_progress.server.live_queries import LiveQueries
from presence_progress.server.questions import Unavailable
from presence_progress.server.sessions import Session
from presence_progress.settings import QUERY_BATCH, QUERY_QUESTIONS, QUERY_WAIT, Limits
from tests.server.conftest import SITE, Client, Connect, Process, Stack, session_of
from tests.server.faults import Faults, Forward, answer

EDITOR, VIEWER, NOBODY = "editor@example.com", "viewer@example.com", "no-access@example.com"
TESTLAND = keys.query_room("Airport", {"country": "XX"})
NO_SUCH_METHOD = answer(HTTPStatus.EXPECTATION_FAILED, '{"exc_type": "ValidationError"}')


class Country:
    """A country of the tests' own, so that whoever else has airports disturbs nobody."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self.count = 0

    def build(self, number: int = 1) -> None:
        """Build airports, and commit, without telling anybody."""
        names = [(f"X{self.count + n}",) for n in range(number)]
        with database.connect(self._stack.database) as db, database.transaction(db):
            db.executemany(
                "INSERT INTO airport (name, icao, airport_name, country, latitude, longitude,"
                " modified, modified_by) VALUES (?1, ?1, ?1, 'XX', 0, 0, '', '')",
                names,
            )
        self.count += number

    def raze(self) -> None:
        with database.connect(self._stack.database) as db:
            db.execute("DELETE FROM airport WHERE country = 'XX'")
        self.count = 0


@pytest.fixture
def testland(request: pytest.FixtureRequest) -> Iterator[Country]:
    name = "own_stack" if "own_stack" in request.fixturenames else "stack"
    testland = Country(request.getfixturevalue(name))
    testland.build(3)
    yield testland
    testland.raze()


def announce(times: int = 1, doctype: str = "Airport") -> None:
    """Publish what Frappe publishes after commits, as fast as it goes."""
    message = {"doctype": doctype, "name": "X0", "user": EDITOR}
    envelope = {"event": "list_update", "message": message, "room": f"doctype:{doctype}"}
    text = json.dumps({**envelope, "namespace": SITE})
    pipeline = context.redis().pipeline(transaction=False)
    for _ in range(times):
        pipeline.publish(keys.EVENTS_CHANNEL, text)
    pipeline.execute()


# --- a whole server -------------------------------------------------------------------------------


@pytest.mark.parametrize("has_app", [True, False], ids=["with the app", "without it"])
async def test_a_number_follows_what_is_committed(
    testland: Country, guarded: Process, faults: Faults, sign_in: Connect, has_app: bool
) -> None:
    if not has_app:
        faults.once("count", fault=NO_SUCH_METHOD)
    viewer = await sign_in(VIEWER, guarded)
    state = await viewer.watch(TESTLAND)
    assert state["state"] == {"value": 3}
    testland.build(2)
    announce()
    change = await viewer.wait_for("room_change")
    assert change == {
        "room": TESTLAND,
        "epoch": state["epoch"],
        "seq": state["seq"] + 1,
        "set": {"value": 5},
        "unset": [],
    }
    asked = {question.method for question in faults.asked("count", "get_count")}
    assert asked == ({"count"} if has_app else {"count", "get_count"})


async def test_many_sockets_of_a_user_ask_once(
    stack: Stack, testland: Country, guarded: Process, faults: Faults
) -> None:
    sids = [await session_of(stack, VIEWER) for _ in range(2)]
    clients = [await Client(sid).connect(guarded.url) for sid in sids * 5]
    for client in clients:
        assert (await client.watch(TESTLAND))["state"] == {"value": 3}
    assert len(faults.asked("count")) == 1
    testland.build()
    announce()
    for client in clients:
        await client.wait_for("room_change", lambda m: m["set"] == {"value": 4})
        await client.socket.disconnect()
    assert len(faults.asked("count")) == 2


async def test_users_with_other_rights_see_other_numbers(
    testland: Country, guarded: Process, faults: Faults, sign_in: Connect
) -> None:
    async def one_less_for_viewer(request: web.Request, forward: Forward) -> web.StreamResponse:
        said = json.loads(cast(web.Response, await forward()).text or "")
        for (user, *_), counted in zip(
            (await request.json())["questions"], said["message"], strict=True
        ):
            counted["value"] -= user == VIEWER
        return web.json_response(said)

    with faults.during("count", fault=one_less_for_viewer):
        viewer, editor = await sign_in(VIEWER, guarded), await sign_in(EDITOR, guarded)
        assert (await viewer.watch(TESTLAND))["state"] == {"value": 2}
        assert (await editor.watch(TESTLAND))["state"] == {"value": 3}
        testland.build()
        announce()
        await viewer.wait_for("room_change", lambda m: m["set"] == {"value": 3})
        await editor.wait_for("room_change", lambda m: m["set"] == {"value": 4})
    assert [m["set"] for m in viewer.changes(TESTLAND)] == [{"value": 3}]
    assert [m["set"] for m in editor.changes(TESTLAND)] == [{"value": 4}]


async def test_after_ten_thousand_saves_the_number_is_exact(
    testland: Country, guarded: Process, faults: Faults, sign_in: Connect
) -> None:
    viewer = await sign_in(VIEWER, guarded)
    await viewer.watch(TESTLAND)
    faults.forget()
    loop = asyncio.get_running_loop()
    began = loop.time()
    for _ in range(100):
        testland.build(100)
        await asyncio.to_thread(announce, 100)
    took = loop.time() - began
    await viewer.wait_for("room_change", lambda m: m["set"] == {"value": 10_003})
    values = [m["set"]["value"] for m in viewer.changes(TESTLAND)]
    assert values == sorted(values)
    # However slow this machine saves: there is a wait before each, and one after the last save.
    assert 1 <= len(faults.asked("count")) <= took / QUERY_WAIT[0] + 2


async def test_what_changes_while_frappe_counts_is_counted_again(
    testland: Country, guarded: Process, faults: Faults, sign_in: Connect
) -> None:
    viewer = await sign_in(VIEWER, guarded)
    await viewer.watch(TESTLAND)
    faults.forget()
    async with faults.late("count") as is_counted:
        announce()
        await asyncio.wait_for(is_counted.wait(), 10)
        testland.build()
        announce()
        counts.publish_realtime("heard", user=VIEWER)
        await viewer.wait_for("heard")
        # The same number is not asked for twice at once: that it is not can only be waited for.
        with pytest.raises(AssertionError, match="not asked"):
            await faults.wait_asked("count", count=2, seconds=QUERY_WAIT[0] * 2)
    await viewer.wait_for("room_change", lambda m: m["set"] == {"value": 4})
    assert len(faults.asked("count")) == 2


async def test_while_frappe_is_away_the_number_stays_and_catches_up(
    testland: Country, guarded: Process, faults: Faults, sign_in: Connect
) -> None:
    viewer = await sign_in(VIEWER, guarded)
    await viewer.watch(TESTLAND)
    async with faults.away():
        testland.build()
        announce()
        await faults.wait_cut_off(2)
        await viewer.settle()
        assert viewer.changes(TESTLAND) == []
    await viewer.wait_for("room_change", lambda m: m["set"] == {"value": 4}, seconds=30)
    assert not [m for event, m in viewer.heard if event == "room_denied"]


async def test_whoever_loses_the_right_sees_the_number_no_more(
    testland: Country, guarded: Process, faults: Faults, sign_in: Connect
) -> None:
    async def no_to_viewer(request: web.Request, forward: Forward) -> web.StreamResponse:
        said = json.loads(cast(web.Response, await forward()).text or "")
        questions = (await request.json())["questions"]
        if request.path.endswith("look"):
            said["message"]["may_read"] = [user != VIEWER for user, *_ in questions]
        else:
            said["message"] = [
                {"reason": "not permitted"} if user == VIEWER else counted
                for (user, *_), counted in zip(questions, said["message"], strict=True)
            ]
        return web.json_response(said)

    viewer, editor = await sign_in(VIEWER, guarded), await sign_in(EDITOR, guarded)
    for client in (viewer, editor):
        await client.watch(TESTLAND)
    with faults.during("look", "count", fault=no_to_viewer):
        faults.questions.clear()
        async with faults.held("has_permission"):
            # Whatever waits in line.
            await viewer.say("room_watch", "presence:Airport/LFPG")
            await faults.wait_asked("has_permission")
            counts.publish_realtime("update_user_permissions", user=VIEWER)
            denied = await viewer.wait_for("room_denied")
            assert denied == {"room": TESTLAND, "reason": "not permitted"}
        await viewer.settle()
        viewer.forget()
        testland.build()
        announce()
        await editor.wait_for("room_change", lambda m: m["set"] == {"value": 4})
        await viewer.settle()
    assert not [event for event, _ in viewer.heard if event.startswith("room_")]


async def test_a_users_rights_change_is_counted_anew(
    testland: Country, guarded: Process, faults: Faults, sign_in: Connect
) -> None:
    viewer, editor = await sign_in(VIEWER, guarded), await sign_in(EDITOR, guarded)
    for client in (viewer, editor):
        await client.watch(TESTLAND)
    testland.build()
    # Of which nothing is published but that this user may see other documents now.
    counts.publish_realtime("update_user_permissions", user=VIEWER)
    await viewer.wait_for("room_change", lambda m: m["set"] == {"value": 4})
    await editor.settle()
    assert editor.changes(TESTLAND) == []


async def test_whoever_comes_back_sees_the_number_of_now(
    testland: Country, server: Process, sign_in: Connect
) -> None:
    viewer = await sign_in(VIEWER, server)
    await viewer.watch(TESTLAND)
    await viewer.vanish()
    testland.build()
    announce()
    again = await sign_in(VIEWER, server)
    state = (await again.watch(TESTLAND))["state"]
    # The old one is told first where the server has not noticed yet that somebody was away.
    if state != {"value": 4}:
        await again.wait_for("room_change", lambda m: m["set"] == {"value": 4})


@pytest.mark.parametrize("has_store", [False, True], ids=["one Redis", "with a store"])
async def test_after_redis_was_away_the_number_is_asked_again(
    own_stack: Stack, redis_url: str, testland: Country, sign_in: Connect, has_store: bool
) -> None:
    options = ["--store", redis_url] if has_store else []
    server = await asyncio.to_thread(own_stack.start_server, *options)
    viewer = await sign_in(VIEWER, server)
    await viewer.watch(TESTLAND)
    own_stack.redis_server.stop()
    testland.build()  # and nobody hears of it
    await asyncio.to_thread(own_stack.redis_server.start)
    await viewer.wait_for("room_change", lambda m: m["set"] == {"value": 4}, seconds=30)


@pytest.mark.parametrize("has_app", [True, False], ids=["with the app", "without it"])
@pytest.mark.parametrize(
    ("user", "room", "reason"),
    [
        (VIEWER, keys.query_room("Airport", {"nonsense": 1}), "bad filters"),
        (VIEWER, keys.query_room("Airport", [["country", "~", 1]]), "bad filters"),
        (VIEWER, keys.query_room("Salary"), "not permitted"),
        (NOBODY, TESTLAND, "not permitted"),
        (VIEWER, "query:Airport/nonsense", "no such room"),
        (VIEWER, "query:Airport/7", "no such room"),
        (VIEWER, "query:/{}", "no such room"),
        (VIEWER, "query:Airport/" + "[" * 1_900, "no such room"),
        (VIEWER, f'query:Airport/{{"name":"{"x" * 2_000}"}}', "no such room"),
    ],
)
async def test_what_cannot_be_counted_is_denied(
    guarded: Process,
    faults: Faults,
    sign_in: Connect,
    has_app: bool,
    user: str,
    room: str,
    reason: str,
) -> None:
    if not has_app:
        faults.once("count", fault=NO_SUCH_METHOD)
    client = await sign_in(user, guarded)
    await client.say("room_watch", room)
    assert await client.wait_for("room_denied") == {"room": room, "reason": reason}


async def test_all_of_a_doctype_and_filters_as_a_list_are_counted_too(
    stack: Stack, testland: Country, server: Process, sign_in: Connect
) -> None:
    viewer = await sign_in(VIEWER, server)
    with database.connect(stack.database) as db:
        everything = db.execute("SELECT COUNT(*) FROM airport").fetchone()[0]
    assert (await viewer.watch("query:Airport/"))["state"] == {"value": everything}
    assert (await viewer.watch("query:Airport/{}"))["state"] == {"value": everything}
    room = keys.query_room("Airport", [["Airport", "country", "=", "XX"]])
    assert (await viewer.watch(room))["state"] == {"value": 3}


async def test_whoever_unwatches_hears_no_more_and_nobody_asks(
    testland: Country, guarded: Process, faults: Faults, sign_in: Connect
) -> None:
    viewer, editor = await sign_in(VIEWER, guarded), await sign_in(EDITOR, guarded)
    for client in (viewer, editor):
        await client.watch(TESTLAND)
    await viewer.say("room_unwatch", TESTLAND)
    await viewer.settle()
    faults.forget()
    testland.build()
    announce()
    await editor.wait_for("room_change", lambda m: m["set"] == {"value": 4})
    await viewer.settle()
    assert viewer.changes(TESTLAND) == []
    assert len(faults.asked("count")) == 1


async def test_a_socket_may_not_ask_for_everything(server: Process, sign_in: Connect) -> None:
    viewer = await sign_in(VIEWER, server)
    for number in range(Limits.queries_per_socket):
        await viewer.say("room_watch", keys.query_room("Airport", {"name": str(number)}))
    await viewer.settle()
    assert not [m for event, m in viewer.heard if event == "room_denied"]
    one_more = keys.query_room("Airport", {"name": "one more"})
    await viewer.say("room_watch", one_more)
    assert await viewer.wait_for("room_denied") == {"room": one_more, "reason": "too many rooms"}


# --- the book alone -------------------------------------------------------------------------------


class Seat:
    """As much of a session as a live query needs."""

    services = SimpleNamespace(limits=Limits(queries_per_user=2))

    def __init__(self, user: str = "ann", address: str | None = None) -> None:
        cookie = {"Cookie": f"sid={user}"}
        self.identity = Identity("site", user, "System User", cookie, (), address)
        self.heard: list[tuple[str, Any]] = []
        self.news = asyncio.Event()

    def require_open(self) -> None:
        """It does not end."""

    def send(self, event: str, message: Any) -> None:
        self.heard.append((event, message))
        self.news.set()

    @property
    def watched(self) -> set[str]:
        return {room_of(number) for number in range(10)}

    def unfollow(self, room: str, _: Any) -> None:
        """The answer says it."""

    def lose(self, lost: set[str], reason: str) -> None:
        for room in lost:
            self.send("room_denied", {"room": room, "reason": reason})

    async def hears(self, event: str, **what: Any) -> Any:
        async def look() -> Any:
            while True:
                for name, message in self.heard:
                    if name == event and what.items() <= (message or {}).items():
                        return message
                self.news.clear()
                await self.news.wait()

        return await asyncio.wait_for(look(), 10)


class Frappe:
    """Counts as a test wants; ``numbers`` by filters, ``batches`` what it was asked."""

    def __init__(self) -> None:
        self.numbers: dict[str, int | Exception | None] = {}
        self.batches: list[list[str]] = []
        self.asked = asyncio.Condition()
        self.late: set[str] = set()
        self.stuck: set[str] = set()
        self.refused: set[str] = set()
        self.gate = asyncio.Event()
        """Until it is set, nothing is answered."""
        self.gate.set()

    async def ask(self, site: str, asked: Sequence[Asked]) -> list[Counted]:
        async with self.asked:
            self.batches.append([one.filters for one in asked])
            self.asked.notify_all()
        await self.gate.wait()
        if self.stuck & {one.filters for one in asked}:
            await asyncio.Event().wait()
        answers = []
        for one in asked:
            number = self.numbers.get(one.filters, 0)
            if isinstance(number, Exception):
                raise number
            is_late = one.filters in self.late and len(asked) > 1
            refusal = "bad filters" if one.filters in self.refused else None
            answers.append(Counted(is_late=True) if is_late else Counted(number, refusal))
        return answers

    async def wait_asked(self, times: int) -> None:
        async with self.asked:
            await asyncio.wait_for(self.asked.wait_for(lambda: len(self.batches) >= times), 10)


@pytest.fixture
def frappe() -> Frappe:
    return Frappe()


@pytest.fixture
async def book(frappe: Frappe, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[LiveQueries]:
    """Return live queries in whose life a minute passes at once."""
    monkeypatch.setattr(live_queries, "QUERY_REFRESH", 0.05)
    monkeypatch.setattr(live_queries, "_PAUSES", (0.01,))
    monkeypatch.setattr(live_queries, "QUERY_WAIT", (0.01, 0.05))
    book = LiveQueries(cast(CountQuestions, frappe))
    running = asyncio.ensure_future(book.run())
    yield book
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


def room_of(number: int) -> str:
    return keys.query_room("ToDo", {"n": number})


def filters_of(number: int) -> str:
    return room_of(number).partition("/")[2]


def watch(book: LiveQueries, seat: Seat, number: int = 0) -> None:
    book.show(cast(Session, seat), room_of(number))


async def test_a_user_has_so_many_live_queries_over_all_sockets(
    book: LiveQueries, frappe: Frappe
) -> None:
    def allows(seat: Seat, number: int) -> bool:
        try:
            book.require_room_for(cast(Session, seat), room_of(number))
        except OverLimit as error:
            assert (error.limit, error.reason) == (
                "queries_per_user",
                "too many live queries of this user",
            )
            return False
        watch(book, seat, number)
        return True

    seats = [Seat(), Seat()]
    assert [allows(seats[0], 0), allows(seats[1], 1), allows(seats[1], 2)] == [True, True, False]
    # One that another tab has costs nothing more, and ends with the last of them.
    assert allows(seats[1], 0) and allows(seats[1], 0)
    book.leave(cast(Session, seats[0]), room_of(0))
    assert not allows(seats[0], 2)
    book.leave(cast(Session, seats[1]), room_of(0))
    book.leave(cast(Session, seats[1]), room_of(0))
    assert allows(seats[0], 2) and not allows(seats[0], 3)
    # Guests are told apart by their address, as far as it is known.
    for guest in (Seat("Guest", "a"), Seat("Guest", "b")):
        assert [allows(guest, number) for number in range(3)] == [True, True, False]
    assert all(allows(Seat("Guest"), number) for number in range(5))


async def test_a_number_that_is_refused_does_not_count(book: LiveQueries, frappe: Frappe) -> None:
    frappe.refused = {filters_of(0), filters_of(1)}
    seat = Seat()
    for number in range(2):
        watch(book, seat, number)
    for number in range(2):
        await seat.hears("room_denied", room=room_of(number))
    await until_gone(book, room_of(0), room_of(1))
    for number in range(2, 4):
        book.require_room_for(cast(Session, seat), room_of(number))
        watch(book, seat, number)


async def until_gone(book: LiveQueries, *rooms: str) -> None:
    while any(room in rooms for _, _, room in book._queries):
        await asyncio.sleep(0.001)


async def test_a_number_is_asked_for_now_and_then_without_any_signal(
    book: LiveQueries, frappe: Frappe
) -> None:
    seat = Seat()
    watch(book, seat)
    await seat.hears("room_state", state={"value": 0})
    frappe.numbers[filters_of(0)] = 7
    await seat.hears("room_change", set={"value": 7}, seq=2)


async def test_numbers_of_many_are_asked_together(book: LiveQueries, frappe: Frappe) -> None:
    seat = Seat()
    for number in range(QUERY_BATCH + 5):
        watch(book, seat, number)
    for number in range(QUERY_BATCH + 5):
        await seat.hears("room_state", room=room_of(number))
    assert [len(batch) for batch in frappe.batches[:2]] == [QUERY_BATCH, 5]


async def test_what_could_not_be_asked_is_asked_again_by_itself(
    book: LiveQueries, frappe: Frappe
) -> None:
    seat = Seat()
    frappe.numbers[filters_of(1)] = Unavailable("too slow")
    for number in range(3):
        watch(book, seat, number)
    await seat.hears("room_denied", room=room_of(1), reason="try again")
    # The others get their numbers, whatever becomes of the one that fails.
    for number in (0, 2):
        await seat.hears("room_state", room=room_of(number))
    frappe.numbers[filters_of(1)] = 1
    await seat.hears("room_state", room=room_of(1), state={"value": 1})


async def test_what_a_site_had_no_time_for_is_asked_at_once(
    book: LiveQueries, frappe: Frappe
) -> None:
    seat = Seat()
    frappe.late = {filters_of(1)}
    for number in range(2):
        watch(book, seat, number)
    await seat.hears("room_state", room=room_of(1))
    assert not [event for event, _ in seat.heard if event == "room_denied"]


async def test_one_who_comes_later_is_shown_what_is_known(
    book: LiveQueries, frappe: Frappe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_queries, "QUERY_REFRESH", 1_000)
    first, second, other = Seat(), Seat(), Seat("bob")
    watch(book, first)
    state = await first.hears("room_state")
    asked = len(frappe.batches)
    watch(book, second)
    assert second.heard == [("room_state", state)]
    assert len(frappe.batches) == asked
    watch(book, other)
    assert not other.heard
    assert (await other.hears("room_state"))["epoch"] != state["epoch"]


async def test_nobody_asks_for_what_nobody_watches(book: LiveQueries, frappe: Frappe) -> None:
    seat, other = Seat(), Seat()
    watch(book, seat, 0)
    watch(book, other, 1)
    await seat.hears("room_state")
    book.leave(cast(Session, seat), room_of(0))
    frappe.batches.clear()
    await frappe.wait_asked(5)
    assert not [batch for batch in frappe.batches if filters_of(0) in batch]


async def until_first_is_asked(book: LiveQueries, frappe: Frappe, *seats: Seat) -> None:
    """Have questions under way that a test answers: what is due from now on, waits."""
    frappe.gate.clear()
    for number in range(QUERY_QUESTIONS):
        watch(book, seats[0], number)
        await frappe.wait_asked(number + 1)


async def test_a_users_many_numbers_do_not_make_anothers_late(
    book: LiveQueries, frappe: Frappe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_queries, "QUERY_REFRESH", 1_000)
    flood, ann = Seat("flood"), Seat("ann")
    await until_first_is_asked(book, frappe, flood)
    for number in range(100, 100 + 10 * QUERY_BATCH):
        watch(book, flood, number)
    watch(book, ann, 1_000)
    watch(book, ann, 1_001)
    frappe.gate.set()
    await ann.hears("room_state", room=room_of(1_001))
    following = [filters for batch in frappe.batches[QUERY_QUESTIONS:] for filters in batch]
    assert following[:4] == [filters_of(number) for number in (100, 1_000, 101, 1_001)]


async def test_a_first_number_waits_for_no_refreshes_nor_these_for_first_ones(
    book: LiveQueries, frappe: Frappe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_queries, "QUERY_REFRESH", 1_000)
    seats = [Seat(f"user {number}") for number in range(3 * QUERY_BATCH)]
    for number, seat in enumerate(seats):
        watch(book, seat, number)
    for seat in seats:
        await seat.hears("room_state")
    frappe.gate.clear()
    frappe.batches.clear()
    book.doubt_all()
    await frappe.wait_asked(QUERY_QUESTIONS)
    for number in range(2 * QUERY_BATCH):
        watch(book, Seat(f"new {number}"), 1_000 + number)
    frappe.gate.set()
    await frappe.wait_asked(QUERY_QUESTIONS + 1)
    mixed = [int(json.loads(filters)["n"]) for filters in frappe.batches[QUERY_QUESTIONS]]
    assert sum(number >= 1_000 for number in mixed) == QUERY_BATCH / 2


async def test_numbers_that_fail_leave_the_way_to_others(
    book: LiveQueries, frappe: Frappe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_queries, "QUERY_REFRESH", 1_000)
    flood, ann = Seat("flood"), Seat("ann")
    for number in range(5):
        frappe.numbers[filters_of(number)] = Unavailable("too slow")
        watch(book, flood, number)
    for number in range(5):
        await flood.hears("room_denied", room=room_of(number))
    # From now on they are asked apart, and never come to an end.
    frappe.stuck = {filters_of(number) for number in range(5)}
    asked = len(frappe.batches)
    await frappe.wait_asked(asked + 1)
    while not all(query.is_due or query.is_asked for query in book._queries.values()):
        await asyncio.sleep(0.001)
    for number in range(100, 105):
        watch(book, ann, number)
        await ann.hears("room_state", room=room_of(number))
    assert sum(batch[0] in frappe.stuck for batch in frappe.batches[asked:]) <= 1


async def test_only_what_tells_of_a_change_of_its_doctype_is_heard(
    book: LiveQueries, frappe: Frappe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_queries, "QUERY_REFRESH", 1_000)
    doubted: list[Any] = []
    monkeypatch.setattr(book._debounce, "note", doubted.append)
    watch(book, Seat())
    for site, room, event in (
        ("site", "doctype:ToDo", "list_update"),
        ("site", "doc:ToDo/a/b", "doc_update"),
        ("site", "doc:ToDo/a/b", "docinfo_update"),
        ("site", "doctype:Note", "list_update"),
        ("another", "doctype:ToDo", "list_update"),
        ("site", "user:ann", "list_update"),
    ):
        book.hear(site, room, [Event(event)])
    assert doubted == [("site", "ToDo", None)] * 2


# --- debouncing -----------------------------------------------------------------------------------


async def test_a_burst_is_acted_on_once_and_no_burst_is_endless() -> None:
    acted: list[str] = []
    debounce: Debounce[str] = Debounce(0.02, 0.1, acted.append)
    for _ in range(1_000):
        debounce.note("burst")
    await asyncio.sleep(0.2)
    assert acted == ["burst"]
    until = asyncio.get_running_loop().time() + 0.5
    while acted == ["burst"] and asyncio.get_running_loop().time() < until:
        debounce.note("endless")
        await asyncio.sleep(0.005)
    assert acted == ["burst", "endless"]
    debounce.stop()

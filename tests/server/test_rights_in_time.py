"""A right that is lost is noticed in time, however many there are: minutes that pass at once."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from typing import Any, cast

import msgspec
import pytest

from presence_progress.room_rights import Document
from presence_progress.server.access import Access, Identity, Permission
from presence_progress.server.bus import Event
from presence_progress.server.questions import Asker, Denied, Questions, Unavailable
from presence_progress.server.rights import Rights
from presence_progress.server.sessions import NOT_PERMITTED, TRY_AGAIN, Session
from presence_progress.settings import PERMISSION_TTL, RIGHTS_PATIENCE
from tests.server.fast_time import run_fast

SITE = "site"
PROMISE = 60


def now() -> float:
    return asyncio.get_running_loop().time()


class Frappe:
    """Answers with what is so when it is asked, and takes its time."""

    def __init__(self, has_app: bool, seconds: float) -> None:
        self.has_app = has_app
        self.seconds = seconds
        """For one question; for one with many in it, for 500 of them."""
        self.no: set[tuple[str, Document]] = set()
        self.fails_at: set[tuple[str, Document]] = set()
        self.ended: set[str] = set()
        self.is_away = False
        self.asked: list[tuple[float, int]] = []
        """When, and how many rights at once."""
        self.users: dict[str, str] = {}
        self.types: dict[str, str] = {}

    async def ask(
        self,
        site: str,
        credentials: Any,
        method: str,
        parameters: Any = None,
        body: Any = None,
        *,
        asker: Asker,
    ) -> Any:
        if self.is_away:
            await asyncio.sleep(12)
            raise Unavailable("away")
        if method.endswith("look"):
            if not self.has_app:
                raise Denied(417)
            rights = [(user, (doctype, name)) for user, doctype, name in body["questions"]]
            self.asked.append((now(), len(rights)))
            users = {sid: self.users[sid] for sid in body["sessions"] if sid not in self.ended}
            answers = [None if right in self.fails_at else right not in self.no for right in rights]
            await asyncio.sleep(self.seconds * max(len(rights), len(body["sessions"])) / 500)
            return {"users": users, "types": self.types, "may_read": answers}
        shown = credentials.get("Cookie") or credentials.get("Authorization")
        user, has_ended = self.users[shown.removeprefix("sid=")], shown[4:] in self.ended
        is_denied = has_ended or (
            parameters is not None and (user, ("ToDo", parameters["name"])) in self.no
        )
        self.asked.append((now(), 1))
        await asyncio.sleep(self.seconds)
        if method.endswith("get_user_info"):
            return {"user": "Guest" if has_ended else user, "user_type": "Website User"}
        if is_denied:
            raise Denied(403)
        return True


class Redis:
    """Knows the secret that a site is shown."""

    async def set(self, *_: Any, **__: Any) -> None: ...

    async def expire(self, *_: Any) -> None: ...

    async def get(self, _: str) -> bytes:
        return b"secret"


class Seat:
    """As much of a session as its rights need."""

    def __init__(self, hall: Hall, user: str, shown: dict[str, str]) -> None:
        self.hall = hall
        self.identity = Identity(SITE, user, "Website User", shown, ())
        self.held: set[Document] = set()
        self.ejected: dict[Document, tuple[float, str]] = {}
        self.dropped: str | None = None
        self.dropped_at = self.demoted_at = 0.0

    def stand_on(self, *names: str) -> Seat:
        for name in names:
            self.held.add(("ToDo", name))
            self.hall.rights.hold(cast(Session, self), ("ToDo", name))
        return self

    def eject(self, document: Document, reason: str) -> None:
        assert document in self.held
        self.held.remove(document)
        self.ejected[document] = now(), reason
        self.hall.rights.release(cast(Session, self), document)

    def set_user_type(self, user_type: str) -> None:
        if user_type != self.identity.user_type:
            self.identity = replace(self.identity, user_type=user_type)
            self.demoted_at = now()


class Hall:
    """Rights of seats, and the Frappe that is asked about them."""

    def __init__(self, *, has_app: bool = True, seconds: float = 0.05) -> None:
        self.frappe = Frappe(has_app, seconds)
        self.seats: list[Seat] = []
        access = Access(cast(Questions, self.frappe), Redis())
        self.rights = Rights(access, self._drop)
        self.running = asyncio.ensure_future(self.rights.run())

    def seat(self, user: str, sid: str = "", token: str = "") -> Seat:
        shown = {"Cookie": f"sid={sid}"} if sid else {"Authorization": token}
        self.frappe.users[sid or token] = user
        seat = Seat(self, user, shown)
        self.seats.append(seat)
        self.rights.come(cast(Session, seat))
        return seat

    def _drop(self, session: Session, why: str) -> None:
        seat = cast(Seat, session)
        if seat.dropped is None:
            seat.dropped, seat.dropped_at = why, now()
            for document in seat.held:
                self.rights.release(session, document)
            self.rights.go(session)

    def publish(self, event: str, message: Any = None, room: str | None = None) -> None:
        self.rights.hear(Event(event, msgspec.Raw(msgspec.json.encode(message)), room, SITE))

    async def lose(self, seat: Seat, document: Document) -> float:
        """Take a right away; returns after how many seconds its seat has noticed."""
        self.frappe.no.add((seat.identity.user, document))
        return await self.until(lambda: seat.ejected.get(document, (0.0, ""))[0])

    async def end(self, seat: Seat) -> float:
        """End a session; returns after how many seconds its seat has noticed."""
        self.frappe.ended.add(seat.identity.sid)
        return await self.until(lambda: seat.dropped_at)

    @staticmethod
    async def until(at: Callable[[], float]) -> float:
        began = now()
        while not at():
            await asyncio.sleep(0.1)
            assert now() < began + 1000, "not noticed at all"
        return at() - began


Play = Callable[[Hall], Awaitable[None]]


def play(work: Play, **options: Any) -> None:
    async def run() -> None:
        hall = Hall(**options)
        await work(hall)
        assert not hall.running.done()

    run_fast(run())


def fill(hall: Hall, users: int, rights: int) -> Iterator[Seat]:
    for number in range(users):
        seat = hall.seat(f"user{number}", f"sid{number}")
        yield seat.stand_on(*(f"{number}-{row}" for row in range(rights)))


# --- as many as are promised ----------------------------------------------------------------------


def test_of_thirty_thousand_rights_and_two_thousand_sessions_each_loss_is_noticed_in_time() -> None:
    async def work(hall: Hall) -> None:
        seats = list(fill(hall, 300, 100))
        others = [hall.seat(f"user{n}", f"sid{n}") for n in range(300, 2000)]
        rng = random.Random(14)
        losses = [
            hall.lose(seat, rng.choice(list(seat.held)))
            for seat in [seats[-1], *rng.choices(seats, k=20)]
        ]
        losses += [hall.end(seat) for seat in [others[-1], *rng.sample(others[:-1], 10)]]
        assert max(await asyncio.gather(*losses)) < PROMISE
        await asyncio.sleep(60)
        assert await hall.lose(seats[7], ("ToDo", "7-99")) < PROMISE
        reasons = {reason for seat in hall.seats for _, reason in seat.ejected.values()}
        assert reasons == {NOT_PERMITTED}
        # Spread over time, not in bursts: no ten seconds have more than half over their share.
        asked: Counter[int] = Counter()
        for at, count in hall.frappe.asked:
            asked[int(at) // 10] += count
        middle = [count for tenth, count in sorted(asked.items())][1:-1]
        assert max(middle) < 1.5 * 30_000 / 4 and min(middle) > 0.5 * 30_000 / 4

    play(work, seconds=0.5)


def test_without_the_app_three_thousand_questions_are_asked_in_time() -> None:
    async def work(hall: Hall) -> None:
        seats = list(fill(hall, 300, 9))
        losses = [hall.lose(seats[-1], ("ToDo", "299-8")), hall.end(seats[-2])]
        losses.append(hall.lose(seats[0], ("ToDo", "0-0")))
        assert max(await asyncio.gather(*losses)) < PROMISE
        assert {seat.dropped for seat in seats if seat is not seats[-2]} == {None}

    play(work, has_app=False, seconds=0.1)


def test_few_rights_are_asked_together_and_not_all_the_time() -> None:
    async def work(hall: Hall) -> None:
        list(fill(hall, 2, 3))
        await asyncio.sleep(600)
        assert len(hall.frappe.asked) <= 600 / 40 + 1

    play(work)


# --- what is doubted ------------------------------------------------------------------------------


@pytest.mark.parametrize("event", ["update_user_permissions", "presence_rights"])
def test_whose_right_a_signal_names_is_asked_about_before_all_others(event: str) -> None:
    async def work(hall: Hall) -> None:
        seats = list(fill(hall, 60, 100))
        await asyncio.sleep(50)
        for seat in (seats[0], seats[30], seats[-1]):
            number = seat.identity.user.removeprefix("user")
            loss = asyncio.ensure_future(hall.lose(seat, ("ToDo", f"{number}-50")))
            await asyncio.sleep(0)
            hall.publish(event, room=f"user:{seat.identity.user}")
            # The question under way, and the next one.
            assert await loss < 8.2

    play(work, seconds=4)


def test_one_user_in_constant_doubt_holds_up_nobody_else() -> None:
    async def work(hall: Hall) -> None:
        noisy = hall.seat("noisy", "noisy").stand_on(*map(str, range(1000)))
        seats = list(fill(hall, 30, 100))

        async def doubt() -> None:
            while True:
                hall.publish("update_user_permissions", room="user:noisy")
                await asyncio.sleep(0.2)

        doubting = asyncio.ensure_future(doubt())
        await asyncio.sleep(60)
        assert await hall.lose(seats[-1], ("ToDo", "29-99")) < PROMISE
        assert not noisy.ejected and not seats[0].ejected
        assert not doubting.done()

    play(work, seconds=2)


def test_a_doubt_about_a_whole_site_has_everything_asked_anew_once() -> None:
    async def work(hall: Hall) -> None:
        seats = list(fill(hall, 20, 100))
        await asyncio.sleep(50)
        began = len(hall.frappe.asked)
        for _ in range(1000):  # somebody imports them
            hall.publish("doc_update", {"doctype": "User Permission", "name": "x"})
        assert await hall.lose(seats[-1], ("ToDo", "19-99")) < 3
        await asyncio.sleep(2)
        assert sum(count for _, count in hall.frappe.asked[began:]) < 1.5 * 2000

    play(work, seconds=0.5)


def test_an_answer_that_is_older_than_the_doubt_does_not_end_it() -> None:
    async def work(hall: Hall) -> None:
        seat = hall.seat("user", "sid").stand_on("one")
        hall.frappe.seconds = 500  # of 500: one takes a second
        await hall.until(lambda: len(hall.frappe.asked))
        # Its answer is made already, a yes.
        loss = asyncio.ensure_future(hall.lose(seat, ("ToDo", "one")))
        await asyncio.sleep(0)
        hall.publish("update_user_permissions", room="user:user")
        assert await loss < 5

    play(work)


# --- sites that are slow, and sites that are away -------------------------------------------------


def test_what_a_slow_site_cannot_confirm_in_time_nobody_stands_on_any_longer() -> None:
    async def work(hall: Hall) -> None:
        seats = list(fill(hall, 60, 100))
        came_at = now()
        for _ in range(40):
            await asyncio.sleep(5)
            standing = sum(len(seat.held) for seat in seats)
        ejected = [fate for seat in seats for fate in seat.ejected.values()]
        assert {reason for _, reason in ejected} == {TRY_AGAIN}
        assert standing >= 2000, "what it can confirm stays"
        assert min(at for at, _ in ejected) >= came_at + RIGHTS_PATIENCE
        # Of those that stay, each is noticed in time.
        losses = [hall.lose(s, d) for s in seats for d in list(s.held)[:1]]
        assert max(await asyncio.gather(*losses)) < PROMISE

    play(work, seconds=10)


def test_who_joins_by_an_answer_that_is_just_still_believed_stays() -> None:
    async def work(hall: Hall) -> None:
        answer, asked_at = Permission(True, {}), now() - PERMISSION_TTL + 0.1
        hall.rights._access._permissions.put((SITE, "ann", ("ToDo", "old")), answer, asked_at)
        ann = hall.seat("ann", "a").stand_on("old")
        await asyncio.sleep(300)
        assert not ann.ejected
        assert await hall.lose(ann, ("ToDo", "old")) < PROMISE

    play(work, seconds=10)


def test_a_user_who_is_no_system_user_any_more_is_noticed_in_time() -> None:
    async def work(hall: Hall) -> None:
        seats = [hall.seat("ann", sid) for sid in ("a", "b")]
        for seat in seats:
            seat.identity = replace(seat.identity, user_type="System User")
        hall.frappe.types["ann"] = "System User"
        await asyncio.sleep(100)
        assert not any(seat.demoted_at for seat in seats)
        hall.frappe.types["ann"] = "Website User"
        assert await hall.until(lambda: min(seat.demoted_at for seat in seats)) < PROMISE
        assert not any(seat.dropped for seat in seats)

    play(work)


def test_a_user_who_leaves_and_joins_does_not_hold_up_another_who_is_doubted() -> None:
    async def work(hall: Hall) -> None:
        scroller, ann = hall.seat("scroller", "s"), hall.seat("ann", "a").stand_on("mine")
        for number in range(12_000):
            scroller.stand_on(str(number))
            scroller.held.clear()
            hall.rights.release(cast(Session, scroller), ("ToDo", str(number)))
        await asyncio.sleep(1)
        for user in ("scroller", "ann"):
            hall.publish("update_user_permissions", room=f"user:{user}")
        assert await hall.lose(ann, ("ToDo", "mine")) < 1

    play(work)


def test_while_a_site_does_not_answer_everybody_stays() -> None:
    async def work(hall: Hall) -> None:
        seats = list(fill(hall, 20, 100))
        await asyncio.sleep(30)
        hall.frappe.is_away = True
        await asyncio.sleep(600)
        hall.frappe.is_away = False
        assert await hall.lose(seats[-1], ("ToDo", "19-99")) < PROMISE
        assert sum(len(seat.ejected) for seat in seats) == 1
        assert {seat.dropped for seat in seats} == {None}

    play(work)


def test_a_process_that_was_stopped_ejects_nobody_for_it() -> None:
    async def work(hall: Hall) -> None:
        seats = list(fill(hall, 2, 3))
        await asyncio.sleep(100)
        cast(Any, asyncio.get_running_loop()).now += 3600
        await asyncio.sleep(100)
        assert not any(seat.ejected or seat.dropped for seat in seats)

    play(work)


def test_what_a_site_fails_at_holds_up_nothing_else_and_is_no_refusal() -> None:
    async def work(hall: Hall) -> None:
        seats = list(fill(hall, 10, 100))
        hall.frappe.fails_at = {("user0", document) for document in seats[0].held}
        assert await hall.lose(seats[-1], ("ToDo", "9-99")) < PROMISE
        await asyncio.sleep(100)
        assert {reason for _, reason in seats[0].ejected.values()} == {TRY_AGAIN}
        assert not seats[0].held and not seats[1].ejected

    play(work)


# --- sessions -------------------------------------------------------------------------------------


@pytest.mark.parametrize("has_app", [True, False], ids=["with the app", "without it"])
def test_a_session_that_ends_without_a_word_is_noticed_in_time(has_app: bool) -> None:
    async def work(hall: Hall) -> None:
        ended, tab = hall.seat("user", "a"), hall.seat("user", "a")
        living, bearer = hall.seat("user", "b"), hall.seat("user", token="token x")
        for seat in hall.seats:
            seat.stand_on("one")
        await asyncio.sleep(100)
        assert await hall.end(ended) < PROMISE
        assert tab.dropped == "session ended"
        await asyncio.sleep(100)
        assert living.dropped is bearer.dropped is None
        assert not living.ejected, "the no to an ended session is not its user's"

    play(work, has_app=has_app)


@pytest.mark.parametrize("has_app", [True, False], ids=["with the app", "without it"])
def test_many_tabs_of_a_browser_are_one_question(has_app: bool) -> None:
    async def work(hall: Hall) -> None:
        for _ in range(30):
            hall.seat("user", "a").stand_on("one")
        await asyncio.sleep(95)
        assert len(hall.frappe.asked) <= 8

    play(work, has_app=has_app)


def test_rights_that_nobody_stands_on_any_more_are_not_asked_for() -> None:
    async def work(hall: Hall) -> None:
        seat = hall.seat("user", "a").stand_on("one")
        for _ in range(3000):  # joins and leaves
            hall.rights.hold(cast(Session, seat), ("ToDo", "two"))
            hall.rights.release(cast(Session, seat), ("ToDo", "two"))
        await asyncio.sleep(100)
        assert {count for _, count in hall.frappe.asked[1:]} == {1}
        hall._drop(cast(Session, seat), "gone")
        await asyncio.sleep(60)
        assert not hall.rights._sites

    play(work)

"""A question to Frappe comes to an end, whatever it hangs at, and waits for no flood of others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Mapping
from typing import Any

import pytest

from presence_progress.server import questions
from presence_progress.server.access import Access, Identity
from presence_progress.server.handshake import Handshake, Refused
from presence_progress.server.questions import Asker, Denied, Questions, Unavailable
from presence_progress.settings import FRAPPE_QUESTIONS, Limits, Settings

SITE = "site.localhost"
ANN = Asker("user", "ann")


class Stuck:
    """A Redis client that never answers, nor ever fails."""

    async def get(self, _: str) -> Any:
        await asyncio.Event().wait()


class Cancelled:
    """A Redis client that takes its own time limit for its caller's end."""

    async def get(self, _: str) -> Any:
        raise asyncio.CancelledError


@pytest.mark.parametrize("redis", [Stuck(), Cancelled()])
async def test_a_question_that_never_ends_is_given_up(
    redis: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(questions, "FRAPPE_PATIENCE", 0.5)
    asking = Questions(Settings(), redis)
    with pytest.raises(Unavailable, match="to ping"):
        await asyncio.wait_for(asking.ask(SITE, {}, "ping", asker=ANN), 20)
    await asking.close()


async def test_an_answer_that_is_none_shows_nobodys_session_in_the_log(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"this is no HTTP\r\n\r\n")
        writer.close()

    monkeypatch.setattr(questions, "FRAPPE_PATIENCE", 0.1)
    site = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = site.sockets[0].getsockname()[1]
    asking = Questions(Settings(site_url=f"http://127.0.0.1:{port}"), NoSecret())
    shown = {"Cookie": "sid=SECRET", "Authorization": "token SECRET", "X-Our-Secret": "SECRET"}
    with pytest.raises(Unavailable) as failure:
        await asking.ask(SITE, shown, "ping", asker=ANN)
    assert "Bad status line" in str(failure.value) or "Expected HTTP" in str(failure.value)
    chain: BaseException | None = failure.value
    while chain is not None:
        assert "SECRET" not in f"{chain!r} {chain}"
        chain = chain.__cause__
    await asking.close()
    site.close()


# --- whose turn it is -----------------------------------------------------------------------------

LIMITS = Limits(requests_per_user=3, sign_ins_per_address=5)
SIGNED_IN = {"user": "flood", "user_type": "System User", "installed_apps": []}


class Slow(Questions):
    """A site whose answers a test gives; ``under_way`` are the questions that have got there."""

    def __init__(self) -> None:
        super().__init__(Settings(limits=LIMITS), NoSecret())
        self.under_way: list[str] = []
        """Each by its credentials, and the document that it is about."""
        self._answers: list[asyncio.Future[Any]] = []
        self._asking: list[asyncio.Future[Any]] = []

    async def _ask_once(
        self, site: str, credentials: Mapping[str, str], method: str, parameters: Any, body: Any
    ) -> Any:
        whose = "".join(credentials.values())
        if method.startswith("presence_progress.site."):
            raise Denied(417)
        what = f"{whose} {(parameters or {}).get('name', 'who')}"
        answer = asyncio.get_running_loop().create_future()
        self.under_way.append(what)
        self._answers.append(answer)
        try:
            return await answer
        finally:
            self.under_way.remove(what)
            self._answers.remove(answer)

    async def come(self, *asking: Coroutine[Any, Any, Any]) -> list[asyncio.Future[Any]]:
        """Have all of this be asked, as far as there are places."""
        came: list[asyncio.Future[Any]] = [asyncio.ensure_future(one) for one in asking]
        self._asking += came
        await self.settle()
        return came

    async def answer(self, whose: str, answer: Any) -> None:
        """Answer the first question whose description begins so."""
        first = next(n for n, what in enumerate(self.under_way) if what.startswith(whose))
        if isinstance(answer, Exception):
            self._answers[first].set_exception(answer)
        else:
            self._answers[first].set_result(answer)
        await self.settle()

    def count(self, whose: str) -> int:
        return sum(what.startswith(whose) for what in self.under_way)

    async def settle(self) -> None:
        for _ in range(30):
            await asyncio.sleep(0)

    async def close(self) -> None:
        for asking in self._asking:
            asking.cancel()
        await asyncio.gather(*self._asking, return_exceptions=True)
        await super().close()


class NoSecret:
    """Redis, as far as these questions need it."""

    async def get(self, _: str) -> bytes:
        return b"secret"

    async def set(self, *_: Any, **__: Any) -> None: ...

    async def expire(self, *_: Any) -> None: ...


@pytest.fixture
async def site() -> AsyncIterator[Slow]:
    slow = Slow()
    yield slow
    await slow.close()


@pytest.fixture
async def access(site: Slow) -> Access:
    return Access(site, NoSecret())


def handshake(sid: str) -> Handshake:
    return Handshake(SITE, {"Cookie": f"sid={sid}"})


def identity(user: str, sid: str, address: str | None = None) -> Identity:
    return Identity(SITE, user, "System User", {"Cookie": f"sid={sid}"}, (), address)


def reads(who: Identity, names: range) -> list[tuple[Identity, tuple[str, str]]]:
    return [(who, ("ToDo", f"{number}")) for number in names]


async def test_a_users_flood_from_many_sessions_delays_nobody_elses_sign_in_or_question(
    site: Slow, access: Access
) -> None:
    for number in range(20):
        flood = identity("flood", f"flood-{number}")
        asked = reads(flood, range(number * 10, number * 10 + 10))
        await site.come(*(access.may_read(*one) for one in asked))
    assert site.count("sid=flood") == LIMITS.requests_per_user
    await site.come(
        access.identify(handshake("bob")),
        access.may_read(identity("ann", "ann"), ("ToDo", "0")),
    )
    assert site.count("sid=bob") == site.count("sid=ann") == 1


async def test_who_waits_is_next_in_turn_however_long_anothers_line_is(
    site: Slow, access: Access
) -> None:
    # More users than there are places for.
    for user in range(8):
        flood = identity(f"flood{user}", f"flood{user}")
        await site.come(*(access.may_read(*one) for one in reads(flood, range(40))))
    assert len(site.under_way) == FRAPPE_QUESTIONS
    await site.come(access.identify(handshake("bob")))
    turns = 0
    while not site.count("sid=bob"):
        await site.answer("sid=flood", True)
        turns += 1
    # One of each that waits, not the 300 that came before.
    assert turns <= 8


async def test_guessed_sessions_of_one_address_leave_room_for_others(
    site: Slow, access: Access
) -> None:
    guesses = (access.identify(handshake(f"guess-{n}"), "192.0.2.1") for n in range(100))
    came = await site.come(*guesses)
    assert site.count("sid=guess") == LIMITS.sign_ins_per_address
    await site.come(access.identify(handshake("ann"), "192.0.2.2"))
    assert site.count("sid=ann") == 1
    await site.answer("sid=guess", Denied(401))
    assert site.count("sid=guess") == LIMITS.sign_ins_per_address
    assert isinstance(next(one for one in came if one.done()).exception(), Refused)


async def test_sign_ins_of_unknown_addresses_leave_room_for_who_is_in(
    site: Slow, access: Access
) -> None:
    await site.come(*(access.identify(handshake(f"new-{number}")) for number in range(100)))
    assert site.count("sid=new") == FRAPPE_QUESTIONS - LIMITS.requests_per_user
    await site.come(access.may_read(identity("ann", "ann"), ("ToDo", "0")))
    assert site.count("sid=ann") == 1


async def test_guests_are_told_apart_by_their_address(site: Slow, access: Access) -> None:
    guests = await site.come(
        *(access.identify(handshake("Guest"), address) for address in ("192.0.2.1", "192.0.2.2"))
    )
    await site.answer("sid=Guest", {"user": "Guest", "installed_apps": []})
    flood, other = [guest.result() for guest in guests]
    assert (flood.user, flood.address, other.address) == ("Guest", "192.0.2.1", "192.0.2.2")
    await site.come(*(access.may_read(*one) for one in reads(flood, range(20))))
    assert site.count("sid=Guest") == LIMITS.requests_per_user
    await site.come(access.may_read(other, ("ToDo", "other")))
    assert site.count("sid=Guest other") == 1


async def test_a_users_own_flood_does_not_keep_a_lost_right_from_being_noticed(
    site: Slow, access: Access
) -> None:
    flood = identity("flood", "flood")
    await site.come(*(access.may_read(*one) for one in reads(flood, range(20))))
    (right, session) = await site.come(
        access.may_still_read(flood, ("ToDo", "held")), access.is_still(flood)
    )
    await site.answer("sid=flood held", False)
    assert right.result() is False
    await site.answer("sid=flood who", SIGNED_IN)
    assert session.result() is True


async def test_a_long_list_on_a_site_without_the_app_has_its_users_places_only(
    site: Slow, access: Access
) -> None:
    ann = identity("ann", "ann")
    documents = [document for _, document in reads(ann, range(500))]
    await site.come(access.may_read_all(ann, documents))
    assert site.count("sid=ann") == LIMITS.requests_per_user
    await site.come(access.identify(handshake("bob")))
    assert site.count("sid=bob") == 1

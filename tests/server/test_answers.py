"""Answers that are kept: asked once at a time, believed for a while, forgotten on demand."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import pytest

from presence_progress.server.answers import Answers


class Oracle:
    """Answers when it is told to, and counts how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0
        self._gates: list[asyncio.Future[str]] = []

    async def ask(self) -> str:
        self.asked += 1
        self._gates.append(asyncio.get_running_loop().create_future())
        return await self._gates[-1]

    async def say(self, answer: str | Exception) -> None:
        while not self._gates:
            await asyncio.sleep(0)
        gate = self._gates.pop(0)
        if isinstance(answer, Exception):
            gate.set_exception(answer)
        else:
            gate.set_result(answer)


Q = ("site", "user", "document")


def kept(seconds: float = 60) -> Answers[tuple[str, ...], str]:
    return Answers(lambda _: seconds)


async def at_once(*asking: Awaitable[str], say: Callable[[], Awaitable[None]]) -> list[str]:
    answers = asyncio.gather(*asking)
    await say()
    return await answers


async def test_many_who_ask_the_same_ask_once() -> None:
    answers, oracle = kept(), Oracle()
    asking = [answers.get(Q, oracle.ask) for _ in range(20)]
    assert await at_once(*asking, say=lambda: oracle.say("yes")) == ["yes"] * 20
    assert await answers.get(Q, oracle.ask) == "yes"
    assert oracle.asked == 1


async def test_an_answer_that_is_not_believed_any_more_is_asked_for_again() -> None:
    answers, oracle = kept(0), Oracle()
    await at_once(answers.get(Q, oracle.ask), say=lambda: oracle.say("yes"))
    assert await at_once(answers.get(Q, oracle.ask), say=lambda: oracle.say("no")) == ["no"]


async def test_one_who_gives_up_does_not_take_the_answer_from_the_others() -> None:
    answers, oracle = kept(), Oracle()
    impatient = asyncio.ensure_future(answers.get(Q, oracle.ask))
    patient = asyncio.ensure_future(answers.get(Q, oracle.ask))
    await asyncio.sleep(0)
    impatient.cancel()
    await oracle.say("yes")
    assert await patient == "yes"


async def test_a_failure_reaches_all_who_wait_and_is_not_kept() -> None:
    answers, oracle = kept(), Oracle()
    waiting = [asyncio.ensure_future(answers.get(Q, oracle.ask)) for _ in range(3)]
    await oracle.say(OSError("away"))
    for waiter in waiting:
        with pytest.raises(OSError, match="away"):
            await waiter
    assert await at_once(answers.get(Q, oracle.ask), say=lambda: oracle.say("yes")) == ["yes"]


async def test_what_is_forgotten_is_asked_again_even_when_it_was_under_way() -> None:
    answers, oracle = kept(), Oracle()
    early = asyncio.ensure_future(answers.get(Q, oracle.ask))
    await asyncio.sleep(0)
    answers.forget("site", "user")
    late = asyncio.ensure_future(answers.get(Q, oracle.ask))
    await oracle.say("before the change")
    await oracle.say("after it")
    assert (await early, await late) == ("after it", "after it")
    assert await answers.get(Q, oracle.ask) == "after it"
    assert oracle.asked == 2


async def test_where_all_changes_all_the_time_there_is_an_answer_all_the_same() -> None:
    answers, oracle = kept(), Oracle()
    asking = asyncio.ensure_future(answers.get(Q, oracle.ask))
    for answer in ("old", "not so old"):
        await oracle.say(answer)
        answers.forget("site")
    assert await asking == "not so old"


async def test_forgetting_a_user_leaves_the_others() -> None:
    answers, oracle = kept(), Oracle()
    for user in ("a", "b"):
        await at_once(answers.get(("site", user), oracle.ask), say=lambda: oracle.say("yes"))
    answers.forget("site", "a")
    assert answers.asked_at(("site", "a")) is None and answers.asked_at(("site", "b")) is not None
    answers.forget("site")
    assert answers.peek(("site", "b")) is None


async def test_an_older_answer_never_replaces_a_newer_one() -> None:
    answers, oracle = kept(), Oracle()
    early = asyncio.ensure_future(answers.get(Q, oracle.ask))
    await asyncio.sleep(0)
    answers.put(Q, "newer", time.monotonic())
    await oracle.say("older")
    assert await early == "newer" == answers.peek(Q)


async def test_what_the_server_asks_for_itself_does_not_wait_behind_a_users_own_request() -> None:
    answers, jammed, own = kept(), Oracle(), Oracle()
    waiting = asyncio.ensure_future(answers.renew(Q, jammed.ask))
    await asyncio.sleep(0)
    renewing = asyncio.ensure_future(answers.renew(Q, own.ask, line="rights"))
    await own.say("no")
    assert await renewing == answers.peek(Q) == "no"
    # The older question's answer is late, and changes nothing.
    await jammed.say("yes")
    assert await waiting == "no" and answers.peek(Q) == "no"

"""An app's hooks run once per transition, whoever tells it and however often; and none is lost
because a site was away."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from http import HTTPStatus
from typing import Any, cast

import aiohttp
import pytest

from presence_progress.demo.config import SHORT
from presence_progress.server.app_questions import AppQuestions
from presence_progress.server.connection import connect, disconnect
from presence_progress.server.questions import Denied, Questions, Unavailable
from presence_progress.server.transitions import KINDS, Transitions
from presence_progress.settings import Settings
from tests.conftest import RedisServer, free_port
from tests.hooks import NOTED
from tests.server.conftest import SITE, Connect, Process, Stack, make_stack

ROOM = "presence:Airport/ED/DB"
EDITOR = "editor@example.com"
AT = 1_764_000_000_123_456
METHODS = "/api/method/presence_progress.site.presence."


def transition(kind: str, user: str = EDITOR, at: int = AT) -> dict[str, Any]:
    return {"kind": kind, "user": user, "at": at}


# --- a site with hooks, and its workers -----------------------------------------------------------


@pytest.fixture(scope="module")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """Return a Redis of this module's own: a server of other tests knows the same site without
    hooks, and would take its transitions for told."""
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture(scope="module")
def redis_url(redis_server: RedisServer) -> str:
    return redis_server.url


@pytest.fixture(scope="module")
def stack(redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    yield from make_stack(redis_server, tmp_path_factory.mktemp("stack"))


@pytest.fixture(scope="module")
def hooked(stack: Stack) -> Iterator[Process]:
    """Return a site whose apps hook into three of the four transitions."""
    port = free_port()
    hooks = (
        "presence_entered=tests.hooks.fail",
        "presence_entered=tests.hooks.note",
        "presence_first_in=tests.hooks.note",
        "presence_last_out=tests.no_such_module.note",
    )
    site = Process(
        f"http://127.0.0.1:{port}",
        *("presence_progress.demo.site", "--port", str(port)),
        *("--data", str(stack.database.parent), "--redis", stack.redis_server.url),
        *(part for hook in hooks for part in ("--hook", hook)),
    )
    site.start()
    yield site
    site.stop()


@pytest.fixture
async def node(stack: Stack) -> AsyncIterator[Callable[[str], Transitions]]:
    """Return a function that makes the transitions of one more server, for a site's address."""
    closing = []

    def make(site_url: str) -> Transitions:
        settings = Settings(redis_url=stack.redis_server.url, site_url=site_url)
        redis = connect(settings)
        questions = Questions(settings, redis)
        transitions = Transitions(AppQuestions(questions, redis))
        closing.append((transitions, questions, redis))
        return transitions

    yield make
    for transitions, questions, redis in closing:
        await until_known(transitions)
        await questions.close()
        await disconnect(redis)


async def until_known(transitions: Transitions) -> None:
    """Wait until it is known whether sites have hooks, or cannot be."""
    await asyncio.gather(*transitions._asking.values(), return_exceptions=True)


async def run_jobs(stack: Stack) -> None:
    """Have two workers do all there is to do."""
    command = [sys.executable, "-m", "rq.cli", "worker", "--quiet", "--burst"]
    workers = [
        await asyncio.create_subprocess_exec(*command, "--url", stack.redis_server.url, SHORT)
        for _ in range(2)
    ]
    for worker in workers:
        assert await asyncio.wait_for(worker.wait(), 60) == 0


def noted(stack: Stack) -> list[list[Any]]:
    return sorted(json.loads(entry) for entry in stack.redis.lrange(NOTED, 0, -1))


@pytest.fixture(autouse=True)
def _nothing_is_noted(stack: Stack) -> None:
    stack.redis.delete(NOTED, *stack.redis.keys("presence_progress:ran:*"))


async def test_each_transition_runs_its_hooks_once_whoever_tells_it(
    stack: Stack, hooked: Process, node: Callable[[str], Transitions]
) -> None:
    nodes = [node(hooked.url) for _ in range(3)]
    first = [transition("first_in"), transition("entered"), transition("entered", "second")]
    # All at once, as after the death of a server; and once more by one that got no answer.
    await asyncio.gather(*(each.tell(SITE, ROOM, first) for each in nodes))
    await nodes[0].tell(SITE, ROOM, first[1:])
    await run_jobs(stack)
    # He has left meanwhile, and comes again: that is another transition.
    await nodes[1].tell(SITE, ROOM, [*first, transition("entered", at=AT + 1)])
    await run_jobs(stack)

    def call(user: str, at: int) -> list[Any]:
        return ["Airport", "ED/DB", user, pytest.approx(at / 1e6, abs=1e-6), "Administrator"]

    assert noted(stack) == [
        call(EDITOR, AT),
        call(EDITOR, AT),
        call(EDITOR, AT + 1),
        call("second", AT),
    ]


async def test_a_hook_that_fails_or_is_not_there_stops_no_other(
    stack: Stack, hooked: Process, node: Callable[[str], Transitions]
) -> None:
    told = [transition("last_out"), transition("entered"), transition("first_in")]
    await node(hooked.url).tell(SITE, ROOM, told)
    await run_jobs(stack)
    assert len(noted(stack)) == 2


async def test_only_a_server_of_the_bench_tells_transitions(hooked: Process) -> None:
    async with aiohttp.ClientSession() as http:
        for method in ("hooks", "transitions", "people"):
            headers = {"X-Presence-Progress-Secret": "wrong"}
            url = f"{hooked.url}{METHODS}{method}"
            async with http.post(url, json={}, headers=headers) as reply:
                assert reply.status == HTTPStatus.FORBIDDEN


async def test_a_site_without_hooks_is_known_after_a_question(
    stack: Stack, hooked: Process, node: Callable[[str], Transitions]
) -> None:
    with_hooks, without = node(hooked.url), node(stack.site.url)
    assert with_hooks.has_hooks(SITE) and without.has_hooks(SITE), "until it is known"
    await until_known(with_hooks)
    await until_known(without)
    assert with_hooks.has_hooks(SITE) and not without.has_hooks(SITE)


# --- from a browser to a hook, over servers that die ----------------------------------------------


@pytest.fixture
async def hooked_servers(stack: Stack, hooked: Process) -> AsyncIterator[list[Process]]:
    """Return three servers of the site with hooks, which know that it has some."""
    servers = [await asyncio.to_thread(stack.start_server, site_url=hooked.url) for _ in range(3)]
    yield servers
    for server in servers:
        await asyncio.to_thread(server.stop)


async def noted_after(stack: Stack, is_enough: Callable[[list[list[Any]]], bool]) -> Any:
    """Have the workers run until what was noted is enough."""
    while not is_enough(noted(stack)):
        await run_jobs(stack)
    return noted(stack)


async def test_a_stay_is_one_transition_each_way_over_tabs_and_servers_that_die(
    stack: Stack, hooked_servers: list[Process], sign_in: Connect
) -> None:
    first, second, third = hooked_servers
    document = {"doctype": "Airport", "name": "LFPG"}
    watcher = await sign_in("customer@example.com", third)
    await watcher.watch("presence:Airport/LFPG")
    tabs = [await sign_in(EDITOR, server) for server in (first, first, second)]
    for tab in tabs:
        await tab.say("presence_enter", document)
        await tab.settle()
    viewer = await sign_in("viewer@example.com", first)
    await viewer.say("presence_enter", document)
    await viewer.settle()
    # The viewer's server dies; the editor has a tab on another one, too.
    await asyncio.to_thread(first.stop, kill=True)
    await watcher.wait_for("room_change", lambda m: "viewer@example.com" in m["unset"], seconds=30)
    await tabs[2].say("presence_leave", document)
    await watcher.wait_for("room_change", lambda m: EDITOR in m["unset"], seconds=30)
    # He comes again, to an empty document.
    again = await sign_in(EDITOR, third)
    await again.say("presence_enter", document)
    calls = await noted_after(stack, lambda calls: len(calls) >= 5)
    users = [(user, len([call for call in calls if call[2] == user])) for _, _, user, *_ in calls]
    # first_in and entered, twice; entered. That is what the site has hooks for.
    assert set(users) == {(EDITOR, 4), ("viewer@example.com", 1)}
    await run_jobs(stack)
    assert noted(stack) == calls


# --- what a server makes of the answers -----------------------------------------------------------


class Site:
    """Answers about hooks; ``error`` is what it does instead."""

    def __init__(self) -> None:
        self.kinds: Any = ["entered"]
        self.error: Exception | None = None
        self.asked: list[str] = []
        self.told: list[dict[str, Any]] = []

    async def ask(
        self,
        site: str,
        credentials: Any,
        method: str,
        parameters: Any = None,
        body: Any = None,
        **_: Any,
    ) -> Any:
        self.asked.append(method.rpartition(".")[2])
        if self.error:
            raise self.error
        if method.endswith(".hooks"):
            return self.kinds
        self.told += body["transitions"]
        return None


@pytest.fixture
async def site(redis_url: str) -> AsyncIterator[Site]:
    yield Site()


@pytest.fixture
async def transitions(redis_url: str, site: Site) -> AsyncIterator[Transitions]:
    redis = connect(Settings(redis_url=redis_url))
    transitions = Transitions(AppQuestions(cast(Questions, site), redis))
    yield transitions
    await until_known(transitions)
    await disconnect(redis)


async def test_a_site_hears_of_what_it_has_hooks_for(site: Site, transitions: Transitions) -> None:
    await transitions.tell(SITE, ROOM, [transition(kind) for kind in sorted(KINDS)])
    [told] = site.told
    assert told.pop("id")
    assert told == {
        "kind": "entered",
        "doctype": "Airport",
        "name": "ED/DB",
        "user": EDITOR,
        "at": AT,
    }
    await transitions.tell(SITE, ROOM, [transition("left")])
    await transitions.tell(SITE, "online", [transition("entered")])
    assert site.asked == ["hooks", "transitions"]


async def test_every_transition_has_an_id_of_its_own(site: Site, transitions: Transitions) -> None:
    site.kinds = sorted(KINDS)
    various = [
        transition("entered"),
        transition("left"),
        transition("entered", "second"),
        transition("entered", at=AT + 1),
    ]
    await transitions.tell(SITE, ROOM, various)
    await transitions.tell(SITE, "presence:Airport/other", various)
    assert len({told["id"] for told in site.told}) == 8
    await transitions.tell(SITE, ROOM, various)
    assert [told["id"] for told in site.told[8:]] == [told["id"] for told in site.told[:4]]


async def test_what_a_site_could_not_take_is_told_again(
    site: Site, transitions: Transitions
) -> None:
    for error in (Unavailable("away"), None):
        site.error = error
        assert transitions.has_hooks(SITE), "what is not noted is lost"
        if error:
            with pytest.raises(Unavailable):
                await transitions.tell(SITE, ROOM, [transition("entered")])
        else:
            await transitions.tell(SITE, ROOM, [transition("entered")])
    assert [told["user"] for told in site.told] == [EDITOR]
    site.error = Unavailable("away again")
    with pytest.raises(Unavailable):
        await transitions.tell(SITE, ROOM, [transition("entered", at=AT + 1)])


async def test_a_site_without_the_app_takes_everything_and_is_not_asked_again(
    site: Site, transitions: Transitions
) -> None:
    site.error = Denied(417)
    for _ in range(3):
        await transitions.tell(SITE, ROOM, [transition("entered")])
        assert not transitions.has_hooks(SITE)
    assert site.asked == ["hooks"]


@pytest.mark.parametrize("answer", [None, 7])
async def test_an_answer_that_makes_no_sense_is_none(
    site: Site, transitions: Transitions, answer: Any
) -> None:
    site.kinds = answer
    with pytest.raises(Unavailable):
        await transitions.tell(SITE, ROOM, [transition("entered")])
    assert transitions.has_hooks(SITE)

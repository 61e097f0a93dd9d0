"""A task that has ended is ended everywhere: on the page, in the lists, in its parent, and once in
the site's history; whatever dies, and whoever was away."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from http import HTTPStatus
from typing import Any

import pytest
import rq

from presence_progress import keys, progress, rooms
from presence_progress.demo import database
from tests import jobs
from tests.conftest import RedisServer
from tests.running import children
from tests.server.conftest import SITE, Client, Connect, Process, Stack, make_stack
from tests.server.faults import SPOILT, Faults, answer

EDITOR, VIEWER, NO_ACCESS = "editor@example.com", "viewer@example.com", "no-access@example.com"
QUEUE = "tasks"


@pytest.fixture(scope="module")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """Return a Redis of this module's own: the servers of other tests would sweep its tasks."""
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture(scope="module")
def redis_url(redis_server: RedisServer) -> str:
    return redis_server.url


@pytest.fixture(scope="module")
def stack(redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    yield from make_stack(redis_server, tmp_path_factory.mktemp("stack"))


@pytest.fixture
async def servers(stack: Stack, faults: Faults) -> AsyncIterator[list[Process]]:
    """Return two servers that ask the site by way of the proxy."""
    servers = [await asyncio.to_thread(stack.start_server, site_url=faults.url) for _ in range(2)]
    yield servers
    for server in servers:
        await asyncio.to_thread(server.stop)


class Worker:
    """A real RQ worker, which a test may kill with all that it has started."""

    def __init__(self, url: str) -> None:
        command = [sys.executable, "-m", "rq.cli", "worker", "--quiet", "--url", url, QUEUE]
        self._process = subprocess.Popen(
            command, env={**os.environ, "PRESENCE_PROGRESS_SITE": SITE}
        )

    def kill(self, *, with_lease: bool) -> None:
        """Kill it with its work horse; ``with_lease`` as when its machine goes: nobody says so."""
        horses = children(self._process.pid)
        leases = [lease for horse in horses for lease in children(horse)] if with_lease else []
        for process in (*leases, self._process.pid, *horses):
            # A job that has just said that it is done is about to go by itself.
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        self._process.wait(10)

    def stop(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait(10)


@pytest.fixture
def start_worker(stack: Stack) -> Iterator[Callable[[], Worker]]:
    running: list[Worker] = []
    rq.Queue(QUEUE, connection=stack.redis).empty()

    def start() -> Worker:
        running.append(Worker(stack.redis_server.url))
        return running[-1]

    yield start
    for worker in running:
        worker.stop()


def state_of(task_id: str) -> dict[str, Any]:
    return rooms.snapshot(keys.task_room(task_id)).state


async def until(is_so: Callable[[], Any], seconds: float = 30) -> Any:
    """Wait for what no event tells."""

    async def look() -> Any:
        while not (found := await asyncio.to_thread(is_so)):
            await asyncio.sleep(0.02)
        return found

    return await asyncio.wait_for(look(), seconds)


async def until_at_work(task_id: str) -> None:
    """Wait for a job's first step: it is said to run before the process of its lease is there."""
    await until(lambda: state_of(task_id)["done"])


def enqueue(job: Any = jobs.wait_for_cancel, **more: Any) -> str:
    return progress.enqueue(job, **{"queue": QUEUE, "user": EDITOR, "title": "Work", **more})


def history(stack: Stack, task_id: str) -> list[dict[str, Any]]:
    with database.connect(stack.database) as db:
        found = db.execute("SELECT * FROM task_history WHERE name = ?", (task_id,))
        return [dict(row) for row in found]


def is_settled(stack: Stack, task_id: str) -> bool:
    settled = stack.redis.hget(keys.task_keys(SITE, task_id)[1], "settled")
    place = keys.place(SITE, keys.task_room(task_id))
    return bool(settled is not None and stack.redis.zscore(keys.DUE, place) is None)


async def until_settled(stack: Stack, task_id: str) -> None:
    await until(lambda: is_settled(stack, task_id))


def fail(**more: Any) -> str:
    """Run a task here that fails, and return its id."""
    with pytest.raises(ZeroDivisionError), progress.Task("Here", user=EDITOR, **more) as task:
        task.warn("odd", 1)
        _ = 1 / 0
    return task.id


def heard_states(client: Client, room: str) -> list[str]:
    return [m["set"]["state"] for m in client.changes(room) if "state" in m["set"]]


# --- jobs that die --------------------------------------------------------------------------------


async def test_a_job_whose_machine_goes_is_stalled_then_lost_everywhere(
    stack: Stack,
    servers: list[Process],
    faults: Faults,
    sign_in: Connect,
    start_worker: Callable[[], Worker],
) -> None:
    first, second = start_worker(), start_worker()
    parent = enqueue(jobs.hand_out_one_that_waits, title="Whole", to=QUEUE)
    [child] = await until(lambda: list(stack.redis.hgetall(keys.task_keys(SITE, parent)[3])))
    child_id = rooms.text(child)
    editor = await sign_in(EDITOR, servers[0])
    room = keys.task_room(child_id)
    await editor.watch(room)
    await until_at_work(child_id)
    await until(lambda: "outcome" in map(rooms.text, stack.redis.hkeys(work_key(parent))))
    await editor.watch(f"tasks:{EDITOR}")
    first.kill(with_lease=True)
    second.kill(with_lease=True)
    await editor.wait_for("room_change", lambda m: m["set"].get("state") == "lost", seconds=25)
    assert heard_states(editor, room)[-2:] == ["stalled", "lost"]

    def is_told(message: Any) -> bool:
        entry = message["set"].get(parent) or {}
        return bool(message["room"] == f"tasks:{EDITOR}" and entry.get("state") == "failed")

    await editor.wait_for("room_change", is_told)
    whole = state_of(parent)
    assert whole["children"] == {"total": 1, "done": 0, "failed": 1, "left": 0}
    assert whole["error"] == "1 of 1 parts failed"
    for task_id, state in ((child_id, "lost"), (parent, "failed")):
        await until_settled(stack, task_id)
        [row] = history(stack, task_id)
        assert (row["state"], row["user"], row["attempt"]) == (state, EDITOR, 1)
    assert faults.asked("record")


def work_key(task_id: str) -> str:
    return keys.task_keys(SITE, task_id)[1]


async def test_a_killed_job_is_lost_at_once_and_goes_on_when_its_owner_wants(
    stack: Stack,
    servers: list[Process],
    sign_in: Connect,
    start_worker: Callable[[], Worker],
) -> None:
    worker = start_worker()
    task_id = enqueue()
    room = keys.task_room(task_id)
    editor = await sign_in(EDITOR, servers[1])
    await editor.watch(room)
    await until_at_work(task_id)
    worker.kill(with_lease=False)
    await editor.wait_for("room_change", lambda m: m["set"].get("state") == "lost")
    assert "stalled" not in heard_states(editor, room)
    await until_settled(stack, task_id)
    viewer = await sign_in(VIEWER, servers[0])
    await viewer.say("task_retry", task_id)
    denied = await viewer.wait_for("room_denied")
    assert denied == {"room": room, "reason": "may not retry"}
    editor.forget()
    await editor.say("task_retry", task_id)
    await editor.wait_for("room_change", lambda m: m["set"].get("state") == "queued")
    state = state_of(task_id)
    assert (state["attempt"], state["retried_by"], state["ended_at"]) == (2, EDITOR, None)
    start_worker()
    await editor.wait_for("room_change", lambda m: m["set"].get("state") == "running")
    await editor.say("task_cancel", task_id)
    await editor.wait_for("room_change", lambda m: m["set"].get("state") == "cancelled")

    def rows() -> Any:
        return [(row["state"], row["attempt"]) for row in history(stack, task_id)]

    await until(lambda: rows() == [("cancelled", 2)])


async def test_what_cannot_be_started_again_is_refused(
    stack: Stack, servers: list[Process], sign_in: Connect
) -> None:
    task_id = await asyncio.to_thread(fail)  # nobody has enqueued it
    editor = await sign_in(EDITOR, servers[0])
    for unknown in (task_id, "no such task"):
        editor.forget()
        await editor.say("task_retry", unknown)
        assert (await editor.wait_for("room_denied"))["reason"] == "may not retry"


# --- the site's history ---------------------------------------------------------------------------


async def test_an_end_is_recorded_once_the_site_answers(
    stack: Stack, servers: list[Process], faults: Faults
) -> None:
    with faults.during("record", fault=SPOILT["500"]):
        task_id = await asyncio.to_thread(fail)
        await faults.wait_asked("record")
        assert not is_settled(stack, task_id)
    await until_settled(stack, task_id)
    [row] = history(stack, task_id)
    assert (row["state"], row["error"], row["warnings"]) == ("failed", "division by zero", 1)


async def test_what_a_site_cannot_record_yet_is_told_again(
    stack: Stack, servers: list[Process], faults: Faults
) -> None:
    faults.once("record", fault=answer(body='{"message": []}'))
    task_id = await asyncio.to_thread(fail)
    await until_settled(stack, task_id)
    assert len(history(stack, task_id)) == 1 and len(faults.asked("record")) >= 2


async def test_a_site_without_this_app_is_not_asked_for_ever(
    stack: Stack, servers: list[Process], faults: Faults
) -> None:
    with faults.during("record", fault=answer(HTTPStatus.NOT_FOUND)):
        task_id = await asyncio.to_thread(fail)
        await until_settled(stack, task_id)
    assert history(stack, task_id) == []


# --- details --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("user", "sees_it"), [("Administrator", True), (EDITOR, False)])
async def test_a_traceback_is_shown_to_who_may_read_the_error_log(
    stack: Stack, servers: list[Process], sign_in: Connect, user: str, sees_it: bool
) -> None:
    task_id = await asyncio.to_thread(fail)
    client = await sign_in(user, servers[0])
    await client.say("task_details", task_id)
    details = await client.wait_for("task_details")
    assert details["task_id"] == task_id
    assert details["messages"] == [{"n": 0, "level": "warning", "row": 1, "message": "odd"}]
    if sees_it:
        assert "ZeroDivisionError: division by zero" in details["traceback"]
    else:
        assert details["traceback"] is None


async def test_details_are_for_who_may_watch(
    stack: Stack, servers: list[Process], sign_in: Connect
) -> None:
    own, shared = [await asyncio.to_thread(fail, **more) for more in ({}, {"doctype": "Airport"})]
    viewer = await sign_in(VIEWER, servers[0])
    no_access = await sign_in(NO_ACCESS, servers[1])
    await viewer.say("task_details", shared)
    assert (await viewer.wait_for("task_details"))["traceback"] is None
    for client, task_id in ((viewer, own), (no_access, own), (no_access, shared)):
        client.forget()
        await client.say("task_details", task_id)
        denied = await client.wait_for("room_denied")
        assert denied == {"room": keys.task_room(task_id), "reason": "not permitted"}

"""The history of tasks that a site keeps, who may read it, and who may start and stop a task."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from presence_progress import context, keys, progress, rooms
from presence_progress.demo import database
from presence_progress.demo.config import Config
from tests import jobs

from .conftest import SignIn

TASKS = "/api/method/presence_progress.site.tasks."
EDITOR, VIEWER, NO_ACCESS = "editor@example.com", "viewer@example.com", "no-access@example.com"
DAY = 24 * 3600 * 1000

Record = Callable[..., Awaitable[list[str]]]


def ended(task_id: str, **fields: Any) -> dict[str, Any]:
    """Return a task as a server tells it: the fields of its room, and its id."""
    now = int(time.time() * 1000)
    return {
        "task_id": task_id,
        "title": f"Task {task_id}",
        "state": "done",
        "user": EDITOR,
        "attempt": 1,
        "doctype": None,
        "name": None,
        "parent": None,
        "error": None,
        "result": None,
        "done": 10,
        "total": 10,
        "ok": 7,
        "warnings": 2,
        "errors": 1,
        "percent": 100,
        "queued_at": now - 2000,
        "started_at": now - 1000,
        "ended_at": now,
        "eta": None,
        **fields,
    }


@pytest.fixture
def record(sign_in: SignIn) -> Record:
    """Tell the site of tasks that have ended, as a realtime server does."""

    async def record(*tasks: dict[str, Any]) -> list[str]:
        context.redis().set(keys.SECRET, "known")
        server = await sign_in("")
        headers = {keys.SECRET_HEADER: "known"}
        answer = await server.post(f"{TASKS}record", json={"tasks": tasks}, headers=headers)
        assert answer.status == 200
        recorded: list[str] = (await answer.json())["message"]
        return recorded

    return record


async def history(browser: Any, status: int = 200, **arguments: Any) -> Any:
    answer = await browser.get(f"{TASKS}history", params=arguments)
    assert answer.status == status, await answer.text()
    return (await answer.json())["message"]


async def names(browser: Any, **arguments: Any) -> list[str]:
    return [task["name"] for task in await history(browser, **arguments)]


async def test_an_end_is_remembered_with_what_came_of_it(sign_in: SignIn, record: Record) -> None:
    task = ended("one", state="failed", error="The disk is full", doctype="Airport", total=None)
    assert await record(task) == ["one"]
    assert await history(await sign_in(EDITOR)) == [
        {
            "name": "one",
            "title": "Task one",
            "state": "failed",
            "user": EDITOR,
            "attempt": 1,
            "done": 10,
            "total": None,
            "ok": 7,
            "warnings": 2,
            "errors": 1,
            "error": "The disk is full",
            "result": None,
            "reference_doctype": "Airport",
            "reference_name": None,
            **{key: task[key] for key in ("queued_at", "started_at", "ended_at")},
        }
    ]


async def test_an_end_told_again_changes_nothing_and_a_later_attempt_overwrites(
    sign_in: SignIn, record: Record
) -> None:
    editor = await sign_in(EDITOR)

    async def stored() -> list[tuple[int, str]]:
        return [(task["attempt"], task["state"]) for task in await history(editor)]

    await record(ended("one", attempt=2, state="lost"))
    await record(ended("one", attempt=2, state="failed"))
    assert await stored() == [(2, "lost")]
    await record(ended("one", attempt=1, state="cancelled"))
    assert await stored() == [(2, "lost")]
    await record(ended("one", attempt=3))
    assert await stored() == [(3, "done")]


async def test_a_history_is_read_in_pages_the_newest_first(sign_in: SignIn, record: Record) -> None:
    now = int(time.time() * 1000)
    await record(*(ended(f"t{n:03}", ended_at=now - n) for n in range(150)))
    await record(ended("part", parent="t000"), ended("another's", user=VIEWER))
    editor = await sign_in(EDITOR)
    assert await names(editor) == [f"t{n:03}" for n in range(20)]
    assert await names(editor, start=145, limit=50) == [f"t{n:03}" for n in range(145, 150)]
    assert len(await names(editor, limit=1000)) == 100
    assert await names(editor, limit=-1, start=-7) == ["t000"]
    await history(editor, status=417, limit="many")


async def test_tasks_about_a_document_are_shown_to_its_readers(
    sign_in: SignIn, record: Record, store: Callable[..., None]
) -> None:
    store("EDDB")
    await record(
        ended("airport", doctype="Airport", name="EDDB"),
        ended("airports", doctype="Airport"),
        ended("own"),
        ended("errors", doctype="Error Log"),
    )
    viewer = await sign_in(VIEWER)
    assert await names(viewer) == []
    assert await names(viewer, doctype="Airport", name="EDDB") == ["airport"]
    assert await names(viewer, doctype="Airport") == ["airports"]
    no_access = await sign_in(NO_ACCESS)
    for browser, about in (
        (viewer, {"doctype": "Error Log"}),
        (viewer, {"doctype": "Airport", "name": "none"}),
        (viewer, {"doctype": "Salary"}),
        (no_access, {"doctype": "Airport", "name": "EDDB"}),
        (await sign_in(""), {}),
    ):
        assert await history(browser, status=403, **about)
    assert await names(await sign_in("Administrator"), doctype="Error Log") == ["errors"]


async def test_what_is_older_than_a_month_is_forgotten(
    sign_in: SignIn, record: Record, config: Config
) -> None:
    now = int(time.time() * 1000)
    await record(ended("old", ended_at=now - 29 * DAY), ended("older", ended_at=now - 31 * DAY))
    with database.connect(config.database) as db:
        for task, age in (("fresh", 0), ("forgotten", 31)):
            modified = time.time() - age * DAY / 1000
            db.execute("INSERT INTO import_checkpoint VALUES (?, 1, '{}', ?)", (task, modified))
            db.execute("INSERT INTO import_seen VALUES (?, 'EDDB', 1)", (task,))
        await record(ended("new"))
        assert await names(await sign_in(EDITOR)) == ["new", "old"]
        assert left(db, "import_checkpoint") == left(db, "import_seen") == ["fresh"]


def left(db: sqlite3.Connection, table: str) -> list[str]:
    return [row["task"] for row in db.execute(f"SELECT task FROM {table}")]


async def test_only_a_server_of_the_bench_records(sign_in: SignIn, record: Record) -> None:
    await record()
    administrator = await sign_in("Administrator")
    answer = await administrator.post(f"{TASKS}record", json={"tasks": [ended("one")]})
    assert answer.status == 403


# --- starting and stopping ------------------------------------------------------------------------


def state_of(task_id: str) -> dict[str, Any]:
    return rooms.snapshot(keys.task_room(task_id)).state


async def call(browser: Any, method: str, status: int = 200, **arguments: Any) -> Any:
    answer = await browser.post(f"{TASKS}{method}", json=arguments)
    assert answer.status == status, await answer.text()
    return (await answer.json())["message"]


@pytest.mark.parametrize("user", [EDITOR, "Administrator"])
async def test_whose_task_it_is_and_administrator_stop_it_and_start_it_again(
    sign_in: SignIn, site: str, user: str
) -> None:
    task_id = progress.enqueue(jobs.fail, queue=site, user=EDITOR)
    browser = await sign_in(user)
    assert await call(browser, "retry", task_id=task_id) == 0, "it has not ended"
    assert await call(browser, "cancel", task_id=task_id) == "cancelled"
    assert state_of(task_id)["cancelled_by"] == user
    assert await call(browser, "retry", task_id=task_id) == 2
    state = state_of(task_id)
    assert (state["state"], state["retried_by"], state["user"]) == ("queued", user, EDITOR)


async def test_nobody_else_stops_or_starts_a_task(sign_in: SignIn, site: str) -> None:
    task_id = progress.enqueue(jobs.fail, queue=site, user=EDITOR)
    viewer = await sign_in(VIEWER)
    for method in ("cancel", "retry"):
        for unknown in (task_id, "no such task", ""):
            told = await call(viewer, method, 403, task_id=unknown)
            assert told == "This is no task of yours."
        await call(await sign_in(""), method, 403, task_id=task_id)
    await call(viewer, "retry", 403, task_id=task_id, user=EDITOR)
    assert state_of(task_id)["state"] == "queued"


async def test_a_server_is_told_that_there_is_nothing_to_start(sign_in: SignIn, site: str) -> None:
    task_id = progress.enqueue(jobs.fail, queue=site, user=EDITOR)
    progress.cancel(task_id, EDITOR)
    context.redis().set(keys.SECRET, "known")
    server = await sign_in("")
    for user, attempt in ((VIEWER, 0), (EDITOR, 2), (EDITOR, 0)):
        answer = await server.post(
            f"{TASKS}retry",
            json={"task_id": task_id, "user": user},
            headers={keys.SECRET_HEADER: "known"},
        )
        assert (await answer.json())["message"] == attempt


# --- tracebacks -----------------------------------------------------------------------------------


@pytest.mark.parametrize("frappe", ["v15", "v16"])
async def test_administrator_alone_may_read_the_error_log(sign_in: SignIn, frappe: str) -> None:
    method, name = {
        "v15": ("can_subscribe_doctype", {}),
        "v16": ("has_permission", {"name": ""}),
    }[frappe]
    for user, status in (("Administrator", 200), (EDITOR, 403), ("", 403)):
        browser = await sign_in(user)
        asked = {"doctype": "Error Log", **name}
        answer = await browser.get(f"/api/method/frappe.realtime.{method}", params=asked)
        assert answer.status == status
    context.redis().set(keys.SECRET, "known")
    questions = [[user, "Error Log", ""] for user in ("Administrator", EDITOR)]
    answer = await (await sign_in("")).post(
        "/api/method/presence_progress.site.rights.look",
        json={"sessions": [], "questions": questions},
        headers={keys.SECRET_HEADER: "known"},
    )
    assert (await answer.json())["message"]["may_read"] == [True, False]

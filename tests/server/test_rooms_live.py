"""Watching rooms, being present and cancelling tasks, over the wire."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from presence_progress import counts, progress, rooms, task_room
from presence_progress.settings import Limits
from presence_progress.task_record import TaskRecord
from tests.server.conftest import SITE, Connect, Process, Stack

EDITOR, VIEWER, NOBODY = "editor@example.com", "viewer@example.com", "no-access@example.com"
ADMIN = "Administrator"


@pytest.mark.parametrize("transport", ["websocket", "polling"])
async def test_a_watcher_gets_the_state_and_then_every_change(
    server: Process, sign_in: Connect, transport: str
) -> None:
    counts.set("hits", 41, scope="website")
    viewer = await sign_in(VIEWER, server, transport)
    state = await viewer.watch("count:website/hits")
    assert state["state"] == {"value": 41}
    for _ in range(5):
        counts.add("hits", scope="website")
    await viewer.wait_for("room_change", lambda m: m["set"].get("value") == 46)
    changes = viewer.changes("count:website/hits")
    assert [change["seq"] for change in changes] == [state["seq"] + n for n in range(1, 6)]
    assert {change["epoch"] for change in changes} == {state["epoch"]}


async def test_whoever_unwatches_hears_no_more(server: Process, sign_in: Connect) -> None:
    viewer = await sign_in(VIEWER, server)
    await viewer.watch("count:website/hits")
    await viewer.say("room_unwatch", "count:website/hits")
    await viewer.settle()
    counts.add("hits", scope="website")
    counts.publish_realtime("last", user=VIEWER)
    await viewer.wait_for("last")
    assert viewer.changes("count:website/hits") == []


@pytest.mark.parametrize(
    ("user", "room", "allowed"),
    [
        (VIEWER, "presence:Airport/KJFK", True),
        (NOBODY, "presence:Airport/KJFK", False),
        (VIEWER, "presence:Airport/NONE", False),
        (VIEWER, "presence:Salary/KJFK", False),
        (VIEWER, f"tasks:{VIEWER}", True),
        (VIEWER, f"tasks:{EDITOR}", False),
        (VIEWER, "tasks:doctype:Airport", True),
        (NOBODY, "tasks:doctype:Airport", False),
        (NOBODY, "count:website/hits", True),
        (NOBODY, "count:site/open", True),
        (NOBODY, f"count:user:{NOBODY}/mail", True),
        (VIEWER, f"count:user:{NOBODY}/mail", False),
        (VIEWER, "count:doctype:Airport/total", True),
        (NOBODY, "count:doctype:Airport/total", False),
        (VIEWER, "count:doc:Airport/KJFK/likes", True),
        (NOBODY, "count:doc:Airport/KJFK/likes", False),
        (VIEWER, "task:no-such-task", False),
    ],
)
async def test_a_room_is_watched_by_those_who_may(
    server: Process, sign_in: Connect, user: str, room: str, allowed: bool
) -> None:
    client = await sign_in(user, server)
    await client.say("room_watch", room)
    if allowed:
        await client.wait_for("room_state", lambda m: m["room"] == room)
    else:
        denied = await client.wait_for("room_denied")
        assert denied == {"room": room, "reason": "not permitted"}


@pytest.mark.parametrize("room", ["", "nonsense", "all", "presence:Airport", None, 7, {}, ["a"]])
async def test_what_is_no_room_is_denied_by_name(
    server: Process, sign_in: Connect, room: Any
) -> None:
    client = await sign_in(EDITOR, server)
    await client.say("room_watch", room)
    denied = await client.wait_for("room_denied")
    assert denied["reason"] == "no such room"


async def test_a_socket_may_not_be_everywhere(server: Process, sign_in: Connect) -> None:
    client = await sign_in(EDITOR, server)
    for number in range(Limits.rooms_per_socket):
        await client.say("room_watch", f"count:website/n{number}")
        # So many that wait for a Redis which stands still would be too many events.
        if number % 100 == 99:
            await client.settle()
    assert not [m for event, m in client.heard if event == "room_denied"]
    await client.say("room_watch", "count:website/one more")
    denied = await client.wait_for("room_denied")
    assert denied == {"room": "count:website/one more", "reason": "too many rooms"}


# --- presence -------------------------------------------------------------------------------------

DOCUMENT = {"doctype": "Airport", "name": "KJFK"}
ROOM = "presence:Airport/KJFK"


async def test_viewers_come_change_and_go(server: Process, sign_in: Connect) -> None:
    watcher, editor = await sign_in(VIEWER, server), await sign_in(EDITOR, server)
    await watcher.watch(ROOM)
    await editor.say("presence_enter", DOCUMENT)
    entered = await watcher.wait_for("room_change")
    assert (
        entered["set"][EDITOR].items()
        >= {
            "name": "Elif Editor",
            "activity": "viewing",
            "focus": None,
        }.items()
    )
    assert entered["set"][EDITOR]["image"]
    await editor.say("presence_update", {**DOCUMENT, "activity": "editing", "focus": "city"})
    await watcher.wait_for(
        "room_change", lambda m: m["set"].get(EDITOR, {}).get("activity") == "editing"
    )
    await editor.say("presence_leave", DOCUMENT)
    await watcher.wait_for_leave(EDITOR)


async def test_two_tabs_are_one_viewer(server: Process, sign_in: Connect) -> None:
    watcher = await sign_in(VIEWER, server)
    one, two = await sign_in(EDITOR, server), await sign_in(EDITOR, server)
    await watcher.watch(ROOM)
    await one.say("presence_enter", DOCUMENT)
    await two.say("presence_enter", DOCUMENT)
    await two.settle()
    await one.say_goodbye()
    await two.say("presence_update", {**DOCUMENT, "activity": "idle"})
    await watcher.wait_for(
        "room_change", lambda m: m["set"].get(EDITOR, {}).get("activity") == "idle"
    )
    assert not any(EDITOR in change["unset"] for change in watcher.changes(ROOM))
    await two.say_goodbye()
    await watcher.wait_for_leave(EDITOR)


async def test_a_lost_connection_that_returns_shows_nothing(
    server: Process, sign_in: Connect
) -> None:
    watcher, editor = await sign_in(VIEWER, server), await sign_in(EDITOR, server)
    await editor.say("presence_enter", DOCUMENT)
    await editor.settle()
    await watcher.watch(ROOM)
    await editor.vanish()
    again = await sign_in(EDITOR, server)
    await again.say("presence_enter", DOCUMENT)
    await again.settle()
    await watcher.settle()
    assert watcher.changes(ROOM) == []
    await again.say("presence_leave", DOCUMENT)
    await watcher.wait_for_leave(EDITOR)


@pytest.mark.parametrize("transport", ["websocket", "polling"])
async def test_a_python_client_that_disconnects_is_gone_at_once(
    server: Process, sign_in: Connect, transport: str
) -> None:
    watcher, editor = await sign_in(VIEWER, server), await sign_in(EDITOR, server, transport)
    await watcher.watch(ROOM)
    await editor.say("presence_enter", DOCUMENT)
    await watcher.wait_for("room_change", lambda m: EDITOR in m["set"])
    leaving = asyncio.ensure_future(editor.socket.disconnect())
    await watcher.wait_for_leave(EDITOR)
    await leaving


async def test_a_lost_connection_that_stays_away_is_gone(server: Process, sign_in: Connect) -> None:
    watcher, editor = await sign_in(VIEWER, server), await sign_in(EDITOR, server)
    await editor.say("presence_enter", DOCUMENT)
    await editor.settle()
    await watcher.watch(ROOM)
    await editor.vanish()
    await watcher.wait_for("room_change", lambda m: EDITOR in m["unset"])


async def test_whoever_may_not_read_does_not_enter(server: Process, sign_in: Connect) -> None:
    watcher, nobody = await sign_in(VIEWER, server), await sign_in(NOBODY, server)
    await watcher.watch(ROOM)
    await nobody.say("presence_enter", DOCUMENT)
    denied = await nobody.wait_for("room_denied")
    assert denied == {"room": ROOM, "reason": "may not enter"}
    await watcher.settle()
    assert watcher.changes(ROOM) == []


@pytest.mark.parametrize(
    "payload",
    [
        *(None, 7, "Airport", [], {}, {"doctype": "Airport"}, {"doctype": 7, "name": "KJFK"}),
        *({"doctype": "a/b'\"", "name": "x"}, {**DOCUMENT, "activity": "sleeping"}),
        {**DOCUMENT, "activity": ["editing"]},
    ],
)
async def test_an_odd_entry_is_answered(server: Process, sign_in: Connect, payload: Any) -> None:
    client = await sign_in(EDITOR, server)
    await client.say("presence_enter", payload)
    assert (await client.wait_for("room_denied"))["reason"] == "no such room"
    await client.settle()


async def test_an_odd_focus_is_no_focus(server: Process, sign_in: Connect) -> None:
    client = await sign_in(EDITOR, server)
    await client.say("presence_enter", {**DOCUMENT, "focus": {"a": 1}})
    await client.settle()
    assert (await client.watch(ROOM))["state"][EDITOR]["focus"] is None


# --- tasks ---------------------------------------------------------------------------------------


def make_task(stack: Stack, task_id: str, **more: Any) -> str:
    record = TaskRecord(task_id, SITE, EDITOR, "Work", state="running", **more)
    rooms.run(stack.redis, task_room.write_call(record))
    return f"task:{task_id}"


async def test_a_task_is_watched_by_its_owner_and_by_readers_of_its_document(
    stack: Stack, server: Process, sign_in: Connect
) -> None:
    private = make_task(stack, "private")
    shared = make_task(stack, "shared", doctype="Airport")
    document = make_task(stack, "document", doctype="Airport", name="KJFK")
    allowed = {
        EDITOR: {private, shared, document},
        VIEWER: {shared, document},
        NOBODY: set(),
    }
    for user, rooms_allowed in allowed.items():
        client = await sign_in(user, server)
        for room in (private, shared, document):
            await client.say("room_watch", room)
        await client.settle()
        assert {m["room"] for e, m in client.heard if e == "room_state"} == rooms_allowed


async def test_a_task_is_cancelled_by_its_owner_and_nobody_else(
    stack: Stack, server: Process, sign_in: Connect
) -> None:
    viewer, editor = await sign_in(VIEWER, server), await sign_in(EDITOR, server)
    # Only now: a job that nobody hears of is taken to run for six seconds.
    room = make_task(stack, "cancel-me", doctype="Airport")
    await viewer.say("task_cancel", "cancel-me")
    assert await viewer.wait_for("room_denied") == {"room": room, "reason": "may not cancel"}
    assert (await editor.watch(room))["state"]["state"] == "running"
    await editor.say("task_cancel", "cancel-me")
    change = await editor.wait_for("room_change")
    assert change["set"].pop("cancelled_at") > 1_700_000_000_000
    assert change["set"] == {"state": "cancelling", "cancelled_by": EDITOR}
    await editor.settle()
    assert rooms.snapshot(f"tasks:{EDITOR}").state["cancel-me"]["state"] == "cancelling"


async def test_a_documents_tasks_are_listed_for_its_readers(
    stack: Stack, server: Process, sign_in: Connect
) -> None:
    task_id = progress.enqueue(
        "tests.jobs.fail", queue="nobody-works-here", user=EDITOR, doctype="Airport", name="KJFK"
    )
    listed = "tasks:doc:Airport/KJFK"
    viewer, nobody = await sign_in(VIEWER, server), await sign_in(NOBODY, server)
    assert list((await viewer.watch(listed))["state"]) == [task_id]
    await nobody.say("room_watch", listed)
    denied = await nobody.wait_for("room_denied")
    assert denied == {"room": listed, "reason": "not permitted"}


async def test_what_a_user_has_seen_is_known_on_all_his_pages(
    server: Process, sign_in: Connect
) -> None:
    here, there = await sign_in(EDITOR, server), await sign_in(EDITOR, server)
    await there.watch(f"tasks:{EDITOR}")
    await here.say("tasks_seen", 1_795_000_000_000)
    change = await there.wait_for("room_change", lambda m: "seen_at" in m["set"])
    assert change["set"] == {"seen_at": 1_795_000_000_000}
    for odd in (None, "now", -1, 2**60, True, 1.5):
        await here.say("tasks_seen", odd)
        assert (await here.wait_for("room_denied"))["reason"] == "no such room"


@pytest.mark.parametrize("task_id", [None, "", 7, {}, "no-such-task"])
async def test_cancelling_what_is_no_task_is_denied(
    server: Process, sign_in: Connect, task_id: Any
) -> None:
    client = await sign_in(EDITOR, server)
    await client.say("task_cancel", task_id)
    assert (await client.wait_for("room_denied"))["reason"] in ("no such room", "may not cancel")


async def test_a_queued_task_is_cancelled_at_once(
    stack: Stack, server: Process, sign_in: Connect
) -> None:
    task_id = progress.enqueue("tests.jobs.fail", queue="nobody-works-here", user=EDITOR)
    editor = await sign_in(EDITOR, server)
    await editor.watch(f"task:{task_id}")
    await editor.watch(f"tasks:{EDITOR}")
    await editor.say("task_cancel", task_id)
    change = await editor.wait_for("room_change", lambda m: m["room"] == f"task:{task_id}")
    assert change["set"]["state"] == "cancelled" and change["set"]["ended_at"]
    await editor.wait_for(
        "room_change", lambda m: m["set"].get(task_id, {}).get("state") == "cancelled"
    )

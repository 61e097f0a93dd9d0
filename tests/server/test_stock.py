"""What stock Frappe clients find: the same rooms, the same events, the same silences."""

from __future__ import annotations

from typing import Any

import pytest
import socketio.exceptions

from presence_progress import counts, rooms, task_room
from presence_progress.task_record import TaskRecord
from tests.server.conftest import (
    NAMESPACE,
    SITE,
    Client,
    Connect,
    Process,
    Stack,
    close,
    session_of,
)

EDITOR, VIEWER, NOBODY = "editor@example.com", "viewer@example.com", "no-access@example.com"


async def refused(stack: Stack, server: Process, namespace: str = NAMESPACE, **headers: str) -> str:
    """Return what a client is told that is refused."""
    sid = await session_of(stack, EDITOR)
    sent = {"Cookie": f"sid={sid}", "Origin": "http://127.0.0.1:1", **headers}
    client = socketio.AsyncClient(reconnection=False)
    told: list[Any] = []
    client.on("connect_error", told.append, namespace=namespace)
    with pytest.raises(socketio.exceptions.ConnectionError):
        await client.connect(
            server.url,
            sent,
            namespaces=[namespace],
            transports=["websocket"],
            # The library's one second is short for a busy machine, as in Client.connect.
            wait_timeout=20,
        )
    await close(client)
    message: str = told[0]["message"]
    return message


async def test_a_stranger_is_refused_in_frappes_words(stack: Stack, server: Process) -> None:
    assert await refused(stack, server, "/other.localhost") == "Invalid namespace"
    assert await refused(stack, server, Origin="http://evil.example") == "Invalid origin"
    assert "No authentication method" in await refused(stack, server, Cookie="a=b")


@pytest.mark.parametrize("transport", ["websocket", "polling"])
async def test_events_reach_the_rooms_of_a_user(
    server: Process, sign_in: Connect, transport: str
) -> None:
    editor = await sign_in(EDITOR, server, transport)
    viewer = await sign_in(VIEWER, server, transport)
    counts.publish_realtime("mine", {"n": 1}, user=EDITOR)
    counts.publish_realtime("ours", {"n": 2})
    counts.publish_realtime("everyone's", {"n": 3}, room="website")
    assert await editor.wait_for("everyone's") == {"n": 3}
    assert await viewer.wait_for("everyone's") == {"n": 3}
    assert [event for event, _ in editor.heard] == ["mine", "ours", "everyone's"]
    assert [event for event, _ in viewer.heard] == ["ours", "everyone's"]


@pytest.mark.parametrize("message", ["text", 7, None, True, [1, 2], [], {"a": None}, "ü\u2028"])
async def test_a_message_may_be_any_json(server: Process, sign_in: Connect, message: Any) -> None:
    editor = await sign_in(EDITOR, server)
    counts.publish_realtime("any", message, user=EDITOR)
    if message is None:
        message = {}  # as Frappe's own function does
    assert await editor.wait_for("any") == message


async def test_null_on_the_wire_is_one_argument(
    stack: Stack, server: Process, sign_in: Connect
) -> None:
    editor = await sign_in(EDITOR, server)
    stack.redis.publish(
        "events",
        f'{{"event":"n","message":null,"room":"user:{EDITOR}","namespace":"{SITE}"}}',
    )
    assert await editor.wait_for("n") is None


async def test_an_event_without_a_room_goes_to_everybody(
    stack: Stack, server: Process, sign_in: Connect
) -> None:
    nobody = await sign_in(NOBODY, server)
    stack.redis.publish("events", '{"event":"build_event","message":{"ok":1}}')
    assert await nobody.wait_for("build_event") == {"ok": 1}


@pytest.mark.parametrize(
    "rubbish",
    [
        *("", "{", "null", "[]", '"text"', "7", "{}", '{"event":7}', '{"event":""}'),
        *('{"event":"x","room":7}', '{"event":"x","room":"all","namespace":["a"]}'),
        *('{"event":"x","room":"all","namespace":"no-such-site"}', b"\xff\xfe\x00"),
        '{"event":"room_change","message":7,"room":"presence:","namespace":"demo.localhost"}',
    ],
)
async def test_rubbish_on_the_channel_harms_nobody(
    stack: Stack, server: Process, sign_in: Connect, rubbish: str | bytes
) -> None:
    editor = await sign_in(EDITOR, server)
    stack.redis.publish("events", rubbish)
    counts.publish_realtime("after", user=EDITOR)
    assert await editor.wait_for("after") == {}


async def test_a_document_is_followed_by_those_who_may_read_it(
    server: Process, sign_in: Connect
) -> None:
    viewer, nobody = await sign_in(VIEWER, server), await sign_in(NOBODY, server)
    for client in (viewer, nobody):
        await client.say("doc_subscribe", "Airport", "KJFK")
        await client.say("doctype_subscribe", "Airport")
        await client.settle()
    counts.publish_realtime("doc_update", {"n": 1}, doctype="Airport", docname="KJFK")
    counts.publish_realtime("list_update", {"doctype": "Airport"})
    counts.publish_realtime("last", room="website")
    await viewer.wait_for("last")
    await nobody.wait_for("last")
    assert [e for e, _ in viewer.heard if e != "pong"] == ["doc_update", "list_update", "last"]
    assert [e for e, _ in nobody.heard if e != "pong"] == ["last"]


async def test_whoever_unsubscribes_hears_no_more(server: Process, sign_in: Connect) -> None:
    viewer = await sign_in(VIEWER, server)
    await viewer.say("doc_subscribe", "Airport", "KJFK")
    await viewer.say("doctype_subscribe", "Airport")
    await viewer.say("doc_unsubscribe", "Airport", "KJFK")
    await viewer.say("doctype_unsubscribe", "Airport")
    await viewer.settle()
    viewer.forget()
    counts.publish_realtime("doc_update", doctype="Airport", docname="KJFK")
    counts.publish_realtime("list_update", {"doctype": "Airport"})
    counts.publish_realtime("last", room="website")
    await viewer.wait_for("last")
    assert [event for event, _ in viewer.heard] == ["last"]


async def test_a_task_that_we_know_is_kept_to_its_watchers(
    stack: Stack, server: Process, sign_in: Connect
) -> None:
    record = TaskRecord("secret", SITE, EDITOR, "Secret", state="running")
    rooms.run(stack.redis, task_room.write_call(record))
    editor, viewer = await sign_in(EDITOR, server), await sign_in(VIEWER, server)
    for client in (editor, viewer):
        await client.say("task_subscribe", "secret")
        await client.say("progress_subscribe", "unknown to us")
        await client.settle()
    counts.publish_realtime("task_progress", {"n": 1}, task_id="secret")
    counts.publish_realtime("other", {}, task_id="unknown to us")
    await editor.wait_for("other")
    await viewer.wait_for("other")
    assert [m for e, m in editor.heard if e == "task_progress"] == [{"task_id": "secret", "n": 1}]
    assert [m for e, m in viewer.heard if e == "task_progress"] == []


async def test_doc_open_and_doc_close_tell_stock_clients_who_views(
    server: Process, sign_in: Connect
) -> None:
    editor, viewer = await sign_in(EDITOR, server), await sign_in(VIEWER, server)
    await editor.say("doc_open", "Airport", "EDDB")
    await editor.settle()
    await viewer.say("doc_open", "Airport", "EDDB")
    for client in (editor, viewer):
        told = await client.wait_for("doc_viewers", lambda m: len(m["users"]) == 2)
        assert told["doctype"] == "Airport" and told["docname"] == "EDDB"
        assert sorted(told["users"]) == [EDITOR, VIEWER]
    editor.forget()
    await viewer.say("doc_close", "Airport", "EDDB")
    told = await editor.wait_for("doc_viewers")
    assert told["users"] == [EDITOR]


async def test_stock_and_own_clients_see_each_other(server: Process, sign_in: Connect) -> None:
    editor, viewer = await sign_in(EDITOR, server), await sign_in(VIEWER, server)
    await editor.watch("presence:Airport/LFPG")
    await viewer.say("doc_open", "Airport", "LFPG")
    change = await editor.wait_for("room_change", lambda m: m["room"] == "presence:Airport/LFPG")
    assert change["set"][VIEWER]["name"] == "Vikram Viewer"
    await editor.say("presence_enter", {"doctype": "Airport", "name": "LFPG"})
    await viewer.wait_for("doc_viewers", lambda m: sorted(m["users"]) == [EDITOR, VIEWER])
    await editor.say("presence_leave", {"doctype": "Airport", "name": "LFPG"})


async def test_an_open_and_the_close_behind_it_leave_no_ghost(
    server: Process, sign_in: Connect
) -> None:
    editor, viewer = await sign_in(EDITOR, server), await sign_in(VIEWER, server)
    for _ in range(20):
        await viewer.say("doc_open", "Airport", "KJFK")
        await viewer.say("doc_close", "Airport", "KJFK")
    await viewer.settle()
    assert VIEWER not in (await editor.watch("presence:Airport/KJFK"))["state"]


async def test_whoever_may_not_read_opens_nothing(server: Process, sign_in: Connect) -> None:
    editor, nobody = await sign_in(EDITOR, server), await sign_in(NOBODY, server)
    await nobody.say("doc_open", "Airport", "KJFK")
    await nobody.settle()
    assert NOBODY not in (await editor.watch("presence:Airport/KJFK"))["state"]


ODD: list[tuple[Any, ...]] = [
    (),
    ("Airport",),
    (None, None),
    ({}, []),
    ("Air/port' OR 1=1 --\"", "x"),
    ("Airport", "a/b'\"\\ü\u0000"),
    ("Airport" * 1000, "x" * 100_000),
    (7, True, 8, 9),
]


@pytest.mark.parametrize("arguments", ODD)
@pytest.mark.parametrize("event", ["doc_subscribe", "doctype_subscribe", "doc_open", "doc_close"])
async def test_odd_arguments_harm_nobody(
    server: Process, sign_in: Connect, event: str, arguments: tuple[Any, ...]
) -> None:
    editor: Client = await sign_in(EDITOR, server)
    await editor.say(event, *arguments)
    await editor.say("an event that nobody knows", *arguments)
    await editor.settle()
    assert editor.socket.connected


@pytest.mark.parametrize("event", ["connect", "disconnect", "message", "*", "__proto__", ""])
async def test_an_event_by_a_name_of_the_librarys_harms_nobody(
    server: Process, sign_in: Connect, event: str
) -> None:
    editor, viewer = await sign_in(EDITOR, server), await sign_in(VIEWER, server)
    await editor.say(event, {"HTTP_HOST": "evil", "HTTP_COOKIE": "sid=x"})
    await editor.say(event)
    await viewer.settle()
    if event not in ("connect", "disconnect"):
        # Those two are no names of events: as Node does, the connection is closed.
        await editor.settle()

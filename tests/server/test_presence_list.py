"""A list shows who is in which of the rows on screen: in one watch, by the same rights."""

from __future__ import annotations

import asyncio
import json
from http import HTTPStatus
from typing import Any, cast

import pytest
from aiohttp import web

from presence_progress import counts
from presence_progress.settings import MAX_FORESEEN, Limits
from tests.server.conftest import Client, Connect, Process, Stack
from tests.server.faults import Faults, Forward, answer

EDITOR, VIEWER, NOBODY = "editor@example.com", "viewer@example.com", "no-access@example.com"
LIST = "presence:Airport"


def room(name: str) -> str:
    return f"presence:Airport/{name}"


def rows(*names: Any) -> dict[str, Any]:
    return {"doctype": "Airport", "names": list(names)}


def document(name: str) -> dict[str, str]:
    return {"doctype": "Airport", "name": name}


async def list_rows(client: Client, *names: Any) -> dict[str, Any]:
    """Say a list, and return the states that came for it, by room."""
    client.forget()
    await client.say("presence_list", rows(*names))
    await client.settle()
    return {m["room"]: m["state"] for event, m in client.heard if event == "room_state"}


async def wait_for_state(client: Client, name: str) -> None:
    await client.wait_for("room_state", lambda m: m["room"] == room(name))


async def enter(client: Client, name: str, **more: str) -> None:
    await client.say("presence_enter", {**document(name), **more})
    await client.settle()


no_such_method = answer(HTTPStatus.EXPECTATION_FAILED, '{"exc_type": "ValidationError"}')


async def test_rows_are_told_at_once_and_then_as_they_change(
    server: Process, sign_in: Connect
) -> None:
    viewer, editor = await sign_in(VIEWER, server), await sign_in(EDITOR, server)
    await enter(editor, "KJFK")
    states = await list_rows(viewer, "KJFK", "EDDB")
    assert set(states) == {room("KJFK"), room("EDDB")}
    assert EDITOR in states[room("KJFK")] and EDITOR not in states[room("EDDB")]
    await enter(editor, "EDDB")
    await viewer.wait_for("room_change", lambda m: m["room"] == room("EDDB") and EDITOR in m["set"])


async def test_rows_that_scroll_away_are_left(server: Process, sign_in: Connect) -> None:
    viewer, editor = await sign_in(VIEWER, server), await sign_in(EDITOR, server)
    await list_rows(viewer, "KJFK", "EDDB")
    assert set(await list_rows(viewer, "EDDB", "LFPG")) == {room("EDDB"), room("LFPG")}
    viewer.forget()
    for name in ("KJFK", "EDDB"):
        await enter(editor, name)
    await viewer.wait_for("room_change", lambda m: m["room"] == room("EDDB"))
    assert not viewer.changes(room("KJFK"))
    assert await list_rows(viewer) == {}
    await enter(editor, "LFPG")
    await viewer.settle()
    assert not viewer.changes(room("LFPG")) and not viewer.changes(room("EDDB"))


async def test_a_room_that_is_watched_and_listed_stays_until_both_end(
    server: Process, sign_in: Connect
) -> None:
    viewer, editor = await sign_in(VIEWER, server), await sign_in(EDITOR, server)
    await viewer.watch(room("KJFK"))
    await list_rows(viewer, "KJFK", "EDDB")
    await viewer.watch(room("EDDB"))
    await list_rows(viewer)
    await enter(editor, "KJFK")
    await viewer.wait_for("room_change", lambda m: m["room"] == room("KJFK"))
    await list_rows(viewer, "KJFK", "EDDB")
    for name in ("KJFK", "EDDB"):
        await viewer.say("room_unwatch", room(name))
    await enter(editor, "EDDB")
    await viewer.wait_for("room_change", lambda m: m["room"] == room("EDDB"))
    await list_rows(viewer)
    viewer.forget()
    await editor.say("presence_leave", document("EDDB"))
    await editor.settle()
    await viewer.settle()
    assert not viewer.changes(room("EDDB"))


async def test_rows_that_may_not_be_read_are_left_out_silently(
    server: Process, sign_in: Connect
) -> None:
    viewer, nobody = await sign_in(VIEWER, server), await sign_in(NOBODY, server)
    assert set(await list_rows(viewer, "KJFK", "no such", 7)) == {room("KJFK")}
    assert await list_rows(nobody, "KJFK", "EDDB") == {}
    for client in (viewer, nobody):
        assert not [m for event, m in client.heard if event == "room_denied"]


async def test_all_rows_are_one_question(
    guarded: Process, faults: Faults, sign_in: Connect
) -> None:
    viewer = await sign_in(VIEWER, guarded)
    faults.forget()
    await list_rows(viewer, "KJFK", "EDDB", *range(200))
    assert len(faults.asked("look")) == 1 and not faults.asked("has_permission")
    # What is known is not asked again, neither the yes nor, for a while, the no.
    await list_rows(viewer, "EDDB", *range(200))
    assert len(faults.asked("look")) == 1 and not faults.asked("has_permission")


async def test_a_site_without_the_app_is_asked_for_each_row_in_parts(
    guarded: Process, faults: Faults, sign_in: Connect
) -> None:
    viewer = await sign_in(VIEWER, guarded)
    faults.forget()
    with faults.during("look", fault=no_such_method):
        names = [str(number) for number in range(MAX_FORESEEN)]
        states = await list_rows(viewer, "KJFK", *names, "EDDB")
    assert set(states) == {room("KJFK"), room("EDDB")}
    assert len(faults.asked("has_permission")) == len(names) + 2


async def test_a_site_that_fails_is_asked_again_later(
    guarded: Process, faults: Faults, sign_in: Connect
) -> None:
    viewer = await sign_in(VIEWER, guarded)

    async def nothing_sensible(request: web.Request, forward: Forward) -> web.StreamResponse:
        return web.json_response({"message": {"users": {}, "may_read": []}})

    with faults.during("look", fault=nothing_sensible):
        await viewer.say("presence_list", rows("KJFK"))
        assert await viewer.wait_for("room_denied") == {"room": LIST, "reason": "try again"}
    assert set(await list_rows(viewer, "KJFK")) == {room("KJFK")}


async def test_whoever_loses_the_right_loses_the_rows(
    guarded: Process, faults: Faults, sign_in: Connect
) -> None:
    viewer, editor = await sign_in(VIEWER, guarded), await sign_in(EDITOR, guarded)
    await list_rows(viewer, "KJFK", "EDDB")

    async def no_kjfk(request: web.Request, forward: Forward) -> web.StreamResponse:
        answer = json.loads(cast(web.Response, await forward()).text or "")
        for index, (_, _, name) in enumerate((await request.json())["questions"]):
            answer["message"]["may_read"][index] = name != "KJFK"
        return web.json_response(answer)

    with faults.during("look", fault=no_kjfk):
        counts.publish_realtime("update_user_permissions", user=VIEWER)
        denied = await viewer.wait_for("room_denied")
        assert denied == {"room": room("KJFK"), "reason": "not permitted"}
        viewer.forget()
        for name in ("KJFK", "EDDB"):
            await enter(editor, name)
        await viewer.wait_for("room_change", lambda m: m["room"] == room("EDDB"))
    assert not viewer.changes(room("KJFK"))


async def test_after_a_doubt_listed_rows_are_sent_again(own_stack: Stack, sign_in: Connect) -> None:
    server = await asyncio.to_thread(own_stack.start_server)
    viewer = await sign_in(VIEWER, server)
    await list_rows(viewer, "KJFK", "EDDB")
    viewer.forget()
    # The server's subscriptions, and with them what is published meanwhile.
    own_stack.redis.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
    await asyncio.gather(*(wait_for_state(viewer, name) for name in ("KJFK", "EDDB")))


@pytest.mark.parametrize(
    ("payload", "denied_room", "reason"),
    [
        (None, "presence:", "no such room"),
        ({"doctype": "Airport"}, LIST, "no such room"),
        ({"doctype": "Airport", "names": "KJFK"}, LIST, "no such room"),
        ({"doctype": "Airport", "names": [""]}, LIST, "no such room"),
        ({"doctype": "Air/port", "names": []}, "presence:Air/port", "no such room"),
        ({"names": []}, "presence:", "no such room"),
        (rows(*range(Limits.rows_per_list + 1)), LIST, "too many rooms"),
    ],
)
async def test_what_is_no_list_is_denied(
    server: Process, sign_in: Connect, payload: Any, denied_room: str, reason: str
) -> None:
    viewer = await sign_in(VIEWER, server)
    await list_rows(viewer, "KJFK")
    await viewer.say("presence_list", payload)
    assert await viewer.wait_for("room_denied") == {"room": denied_room, "reason": reason}
    # The rows that were there before are still followed.
    await enter(await sign_in(EDITOR, server), "KJFK")
    await viewer.wait_for("room_change", lambda m: m["room"] == room("KJFK"))


async def test_a_list_that_does_not_fit_is_not_followed_at_all(
    server: Process, sign_in: Connect
) -> None:
    viewer, editor = await sign_in(VIEWER, server), await sign_in(EDITOR, server)
    for number in range(Limits.rooms_per_socket - 1):
        await viewer.say("room_watch", f"count:site/{number}")
    await viewer.settle()
    await list_rows(viewer, "KJFK")
    viewer.forget()
    await viewer.say("presence_list", rows("KJFK", "EDDB"))
    assert await viewer.wait_for("room_denied") == {"room": LIST, "reason": "too many rooms"}
    await enter(editor, "KJFK")
    await viewer.settle()
    assert not viewer.changes(room("KJFK"))


async def test_guests_are_denied_a_list(server: Process) -> None:
    guest = await Client("Guest").connect(server.url)
    await guest.say("presence_list", rows("KJFK"))
    assert await guest.wait_for("room_denied") == {"room": LIST, "reason": "not permitted"}
    await guest.socket.disconnect()

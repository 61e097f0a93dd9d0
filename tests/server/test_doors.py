"""Text that is no Unicode, and names that are too long, are refused where they come in: their
client reads why, and nobody else notices."""

from __future__ import annotations

import json
from typing import Any

import pytest

from presence_progress import counts
from presence_progress.server.bus import read_event
from tests.server.clients import Frames
from tests.server.conftest import NAMESPACE, SITE, Connect, Process, Stack
from tests.server.faults import Faults

EDITOR, VIEWER = "editor@example.com", "viewer@example.com"
HALF = "\ud83d"
"""Half of an emoji: ``JSON.stringify("🎉"[0])`` writes it, and Python's JSON as well."""
SHOWN = "\ufffd"
LONG = "x" * 400_000


DENIED = [
    ("room_watch", f"count:website/{HALF}", f"count:website/{SHOWN}"),
    ("room_watch", [HALF], ""),
    ("room_watch", f'query:Airport/{{"a":"{HALF}"}}', f'query:Airport/{{"a":"{SHOWN}"}}'),
    ("room_watch", r'query:Airport/{"a":"\ud83d"}', r'query:Airport/{"a":"\ud83d"}'),
    ("room_watch", "a\0b", "a\0b"),
    ("room_unwatch", f"count:website/{HALF}", f"count:website/{SHOWN}"),
    ("room_unwatch", {"a": 1}, "presence:/"),
    ("presence_enter", {"doctype": "Airport", "name": HALF}, f"presence:Airport/{SHOWN}"),
    ("presence_enter", {"doctype": "Airport", "name": "a\0"}, "presence:Airport/a\0"),
    ("presence_enter", {"doctype": "Airport", "name": 1.5}, "presence:Airport/"),
    ("presence_enter", {"doctype": "Airport", "name": True}, "presence:Airport/"),
    ("presence_enter", {"doctype": "Airport", "name": 10**90}, "presence:Airport/"),
    (
        "presence_update",
        {"doctype": "Airport", "name": "KJFK", "focus": HALF},
        "presence:Airport/KJFK",
    ),
    ("presence_leave", {"doctype": HALF, "name": "KJFK"}, f"presence:{SHOWN}/KJFK"),
    (
        "presence_list",
        {"doctype": "Airport", "names": ["KJFK", f"x{HALF}"]},
        "presence:Airport",
    ),
    ("presence_invisible", HALF, "presence_settings"),
    ("task_cancel", HALF, f"task:{SHOWN}"),
    ("task_retry", HALF, f"task:{SHOWN}"),
    ("task_details", {"a": HALF}, "task:"),
    ("tasks_seen", HALF, SHOWN),
]


async def test_what_cannot_be_a_name_is_denied_by_as_much_of_it_as_can_be_sent(
    server: Process, sign_in: Connect
) -> None:
    client = await sign_in(EDITOR, server)
    for event, argument, room in DENIED:
        client.forget()
        await client.say(event, argument)
        denied = await client.wait_for("room_denied")
        assert denied == {"room": room, "reason": "no such room"}, (event, argument)


async def test_a_number_is_a_documents_name(server: Process, sign_in: Connect) -> None:
    client = await sign_in(EDITOR, server)
    await client.say("presence_enter", {"doctype": "Airport", "name": 12})
    denied = await client.wait_for("room_denied")
    assert denied == {"room": "presence:Airport/12", "reason": "may not enter"}


LONG_NAMES = [
    ("room_watch", f"count:website/{LONG}"),
    ("room_watch", f"query:Airport/{LONG}"),
    ("room_unwatch", LONG),
    ("presence_enter", {"doctype": "Airport", "name": LONG}),
    ("presence_enter", {"doctype": LONG, "name": "KJFK"}),
    ("presence_list", {"doctype": "Airport", "names": [LONG]}),
    ("presence_list", {"doctype": LONG, "names": []}),
    ("task_cancel", LONG),
    ("task_details", LONG),
    ("presence_invisible", LONG),
    ("tasks_seen", LONG),
]


async def test_a_long_name_is_denied_in_short(server: Process, sign_in: Connect) -> None:
    client = await sign_in(EDITOR, server)
    for event, argument in LONG_NAMES:
        client.forget()
        await client.say(event, argument)
        denied = await client.wait_for("room_denied")
        assert denied["reason"] == "no such room" and len(denied["room"]) < 20_100


STOCK = (
    *("doc_subscribe", "doc_unsubscribe", "doc_open", "doc_close"),
    *("doctype_subscribe", "doctype_unsubscribe"),
    *("task_subscribe", "progress_subscribe", "task_unsubscribe", "open_in_editor"),
)


async def test_frappe_is_not_asked_about_what_can_be_no_name(
    guarded: Process, faults: Faults, sign_in: Connect
) -> None:
    client = await sign_in(EDITOR, guarded)
    faults.forget()
    odd_names: list[Any] = [HALF, LONG, "a\0", 1.5, True, None, {}, 10**90, [HALF], b"\xff"]
    for odd in odd_names:
        for event in STOCK:
            await client.say(event, odd, odd)
        for event in ("doc_subscribe", "doc_open", "doc_close"):
            await client.say(event, "Airport", odd)
        await client.say("doctype_subscribe", f"Airport/{HALF}")
    await client.say("doc_subscribe", "Airport/KJFK", "KJFK")
    await client.settle()
    assert not faults.asked("has_permission", "look")
    await client.say("doc_open", "Airport", "KJFK")
    await client.settle()
    assert faults.asked("has_permission")


ODD_NAMES = [
    *("%2F", "a+b c", "a&name=b;#?", "\r\n", "\r", "a\tb", "%zz", "e\u0301", "😀", "'\"<", " /../"),
]


async def test_what_frappe_is_asked_about_is_what_the_room_is_called(
    guarded: Process, faults: Faults, sign_in: Connect
) -> None:
    client = await sign_in(EDITOR, guarded)
    for name in ODD_NAMES:
        document = {"doctype": name.replace("/", "|"), "name": name}
        faults.forget()
        client.forget()
        await client.say("presence_enter", document)
        room = "presence:{doctype}/{name}".format(**document)
        assert (await client.wait_for("room_denied"))["room"] == room
        [question] = faults.asked("has_permission")
        assert question.query == document


async def test_one_packet_of_a_guest_harms_nobody(
    stack: Stack, server: Process, sign_in: Connect
) -> None:
    people = {user: await sign_in(user, server) for user in (EDITOR, VIEWER)}
    for user in people:
        counts.set("private", len(user), scope=f"user:{user}")
    for packet in (
        rf'42{NAMESPACE},["room_watch","count:website/\ud83d"]',
        rf'42{NAMESPACE},7["room_watch","count:website/\ud83d"]',
        rf'42{NAMESPACE},["task_subscribe","\udc00"]',
        rf'42{NAMESPACE},["\ud83d","x"]',
        rf'40{NAMESPACE},{{"token":"\ud83d"}}',
    ):
        # As it is, for a client would look into it first.
        async with Frames(
            server.url, {"Cookie": "sid=Guest", "Origin": "http://127.0.0.1:8000"}
        ) as frames:
            await frames.send(f"40{NAMESPACE},")
            assert (await frames.receive()).startswith("40")
            await frames.send(packet)
            await frames.send(f'42{NAMESPACE},["ping"]')
            if not packet.startswith("40"):
                while "pong" not in await frames.receive():
                    pass
        for user, client in people.items():
            client.forget()
            room = f"count:user:{user}/private"
            await client.say("room_watch", room)
            state = await client.wait_for("room_state")
            assert (state["room"], state["state"]) == (room, {"value": len(user)})


# --- Redis's events channel -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "envelope",
    [
        {"event": HALF, "room": "all", "namespace": SITE},
        {"event": "e", "room": f"user:{HALF}", "namespace": SITE},
        {"event": "e", "room": "all", "namespace": HALF},
    ],
)
def test_a_name_with_half_an_emoji_makes_no_event(envelope: Any) -> None:
    assert read_event(json.dumps({**envelope, "message": 1}).encode()) is None


def test_a_message_with_half_an_emoji_is_passed_on_with_a_mark_in_its_place() -> None:
    sent = {"event": "e", "message": {HALF: [f"a{HALF}b", "🎉"]}, "room": "all", "namespace": SITE}
    event = read_event(json.dumps(sent).encode())
    assert event and event.value == {SHOWN: [f"a{SHOWN}b", "🎉"]}
    assert (event.event, event.room, event.site) == ("e", "all", SITE)


@pytest.mark.parametrize("event", ["update_user_permissions", "doc_update", "presence_settings"])
@pytest.mark.parametrize(
    "message", [r'{"user":"\ud83d","invisible":true}', "7" * 90, "[" * 400 + "]" * 400, '"x"']
)
async def test_a_message_that_we_can_make_nothing_of_is_passed_on(
    stack: Stack, server: Process, sign_in: Connect, event: str, message: str
) -> None:
    editor = await sign_in(EDITOR, server)
    envelope = '{{"event":"{}","message":{},"room":"user:{}","namespace":"{}"}}'
    with stack.redis.pipeline() as at_once:
        at_once.publish("events", envelope.format(event, message, EDITOR, SITE))
        at_once.publish("events", envelope.format("n", 1, EDITOR, SITE))
        at_once.execute()
    await editor.wait_for("n", lambda number: number == 1)
    assert event in [name for name, _ in editor.heard]

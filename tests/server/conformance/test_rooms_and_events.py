"""What clients say and what they hear: §2.2, §2.5 and §2.7 of Frappe's contract."""

from __future__ import annotations

import json
import operator
from functools import partial
from typing import Any

import pytest

from tests.server.clients import NPM_FRAPPE, Frames, Kind
from tests.server.conformance.conftest import (
    CUSTOMER,
    EDITOR,
    NOBODY,
    PYTHON_WEBSOCKET,
    SITES,
    V15,
    VIEWER,
    Bench,
    Doc,
    Open,
    StartServer,
    room_of,
    with_npm,
)
from tests.server.conftest import SITE, Process
from tests.server.faults import PERMISSION, Faults

pytestmark = pytest.mark.asyncio(loop_scope="session")


# --- rooms ---------------------------------------------------------------------------------------

KJFK = ("Airport", "KJFK")
SUBSCRIPTIONS = [
    ("doctype_subscribe", ("Airport",), "doctype_unsubscribe", "doctype:Airport"),
    ("doc_subscribe", KJFK, "doc_unsubscribe", "doc:Airport/KJFK"),
    ("task_subscribe", ("a-task",), "task_unsubscribe", "task_progress:a-task"),
    ("progress_subscribe", ("a-task",), "task_unsubscribe", "task_progress:a-task"),
]
with_each_subscription = pytest.mark.parametrize(
    ("subscribe", "arguments", "unsubscribe", "room"),
    SUBSCRIPTIONS,
    ids=[subscribe for subscribe, *_ in SUBSCRIPTIONS],
)


@with_each_subscription
async def test_a_room_is_joined_and_left(
    bench: Bench,
    connect: Open,
    subscribe: str,
    arguments: tuple[str, ...],
    unsubscribe: str,
    room: str,
) -> None:
    """§2.5 doctype_, doc_, task_ and progress_subscribe: join the room; …_unsubscribe: leave it."""
    viewer = await connect(VIEWER)
    assert not await bench.reaches(room, viewer)
    await viewer.say(subscribe, *arguments)
    await viewer.settle()
    assert await bench.reaches(room, viewer)
    await viewer.say(unsubscribe, *arguments)
    await viewer.settle()
    assert not await bench.reaches(room, viewer)


@pytest.mark.parametrize("user", [NOBODY, "Guest"])
async def test_who_may_not_read_is_answered_with_silence(
    bench: Bench, connect: Open, user: str, doc: Doc
) -> None:
    """§2.5 permission check: on deny silently nothing."""
    denied = await connect(user)
    for event in ("doc_subscribe", "doc_open"):
        await denied.say(event, *doc)
    await denied.say("doctype_subscribe", "Airport")
    await denied.settle()
    assert denied.events() == [] and denied.is_connected
    for room in (room_of(doc), room_of(doc, "open_doc"), "doctype:Airport"):
        assert not await bench.reaches(room, denied)


@pytest.mark.parametrize("frappe", SITES)
async def test_what_does_not_exist_is_answered_with_silence(
    bench: Bench, open_socket: Open, frappe: str
) -> None:
    """§1.5: 404 when the document does not exist; §2.5: silently nothing."""
    editor = await open_socket(PYTHON_WEBSOCKET, EDITOR, SITES[frappe])
    for missing in (("Airport", "new-airport-1"), ("No Such DocType", "x")):
        for event in ("doc_subscribe", "doc_open"):
            await editor.say(event, *missing)
    await editor.settle()
    assert editor.events() == []
    assert not await bench.reaches("doc:Airport/new-airport-1", editor)


async def test_a_document_named_by_a_number_is_a_text_in_its_room(
    bench: Bench, open_socket: Open, kind: Kind
) -> None:
    """§1.4: the document's name goes through cstr."""
    viewer = await open_socket(kind, VIEWER)
    await viewer.say("task_subscribe", 7)
    await viewer.settle()
    assert await bench.reaches("task_progress:7", viewer)


async def test_a_task_is_followed_without_a_question(
    bench: Bench, faults: Faults, connect: Open
) -> None:
    """§2.5 task_subscribe, progress_subscribe: no check, for Guests neither."""
    guest = await connect("Guest")

    def asked_as_guest() -> list[str]:
        # Others' questions may come at any time, as those of a test before that nobody answered.
        return [one.method for one in faults.asked() if one.headers.get("Cookie") == "sid=Guest"]

    asked = asked_as_guest()
    await guest.say("task_subscribe", "of-the-website")
    await guest.settle()
    assert await bench.reaches("task_progress:of-the-website", guest)
    assert asked_as_guest() == asked


async def test_website_users_follow_what_they_may_read(
    bench: Bench, open_socket: Open, doc: Doc
) -> None:
    """§2.5: the check is Frappe's, not the type of the user."""
    customer = await open_socket(PYTHON_WEBSOCKET, CUSTOMER)
    await customer.say("doc_subscribe", *doc)
    await customer.settle()
    assert await bench.reaches(room_of(doc), customer)


async def test_whoever_asks_for_an_acknowledgement_gets_one(connect: Open) -> None:
    """§2.5: Frappe's own server sends none, and no client of Frappe's asks for one."""
    viewer = await connect(VIEWER)
    for event, arguments, unsubscribe, _ in [*SUBSCRIPTIONS, ("doc_open", KJFK, "doc_close", "")]:
        await viewer.ask(event, *arguments)
        await viewer.ask(unsubscribe, *arguments)
    await viewer.settle()
    assert viewer.lived("ack") == [[]] * (2 * len(SUBSCRIPTIONS) + 2)


async def test_a_ping_is_answered_to_this_socket_without_an_argument(connect: Open) -> None:
    """§2.5 ping: answer ``pong``, which carries nothing."""
    viewer, other = await connect(VIEWER), await connect(VIEWER)
    await viewer.say("ping")
    await viewer.wait_for("pong")
    assert viewer.heard == [["pong"]]
    await other.settle()
    assert other.heard == [["pong"]]


async def test_the_events_of_one_socket_take_effect_in_order(
    bench: Bench, faults: Faults, connect: Open, doc: Doc
) -> None:
    """§9h: events of one socket run in order, however long Frappe takes for one of them."""
    viewer = await connect(VIEWER)
    async with faults.held(*PERMISSION):
        await viewer.say("doc_subscribe", *doc)
        await viewer.say("doc_unsubscribe", *doc)
        await viewer.say("doctype_subscribe", "Airport")
        await viewer.say("doctype_unsubscribe", "Airport")
        await viewer.say("doctype_subscribe", "Airport")
        await faults.wait_asked(*PERMISSION)
    await viewer.settle()
    assert not await bench.reaches(room_of(doc), viewer)
    assert await bench.reaches("doctype:Airport", viewer)


# --- what is published ---------------------------------------------------------------------------


MESSAGES: list[Any] = [
    *(None, True, False, 0, -1.5, 2**53, "", "text", [], [1, [2]], {}, {"a": {"b": None}}),
    *("ü\u2028🛫\u0000", "</script>\"'\\", ["event", "x"], {"_placeholder": True, "num": 0}),
    *("x" * 300_000, list(range(20_000))),
]


async def test_a_message_is_one_argument_of_any_json_type(bench: Bench, connect: Open) -> None:
    """§2.2: passed as the single event argument, any JSON type, in the order of publishing."""
    viewer = await connect(VIEWER)
    for message in MESSAGES:
        bench.publish("any", message, f"user:{VIEWER}")
    bench.publish("last", {}, f"user:{VIEWER}")
    await viewer.wait_for("last")
    assert viewer.heard == [*(["any", message] for message in MESSAGES), ["last", {}]]


async def test_a_thousand_events_arrive_in_order(bench: Bench, connect: Open) -> None:
    """§2.2: no event of a room overtakes another."""
    viewer = await connect(VIEWER)
    await viewer.say("task_subscribe", "long")
    await viewer.settle()
    viewer.forget()
    for number in range(1000):
        bench.publish("task_progress", {"n": number, "task_id": "long"}, "task_progress:long")
    await viewer.wait_for("task_progress", lambda message: message["n"] == 999)
    assert [message["n"] for message in viewer.messages("task_progress")] == list(range(1000))


STOCK = [
    ("msgprint", "Saved", f"user:{EDITOR}"),
    ("progress", {"percent": 7, "title": "Import", "description": None}, f"user:{EDITOR}"),
    ("doc_update", {"modified": "2026", "doctype": "Airport", "name": "KJFK"}, "doc:Airport/KJFK"),
    ("list_update", {"doctype": "Airport", "name": "KJFK", "user": "x"}, "doctype:Airport"),
    ("docinfo_update", {"doc": {}, "key": "comments", "action": "add"}, "doc:Airport/KJFK"),
    ("task_progress", {"task_id": "t", "n": 1}, "task_progress:t"),
    ("task_complete:t", {"file_url": "/files/x"}, "all"),
    ("new_message", {"content": "hello"}, "all"),
    ("publish_message", {"html": "<p>"}, "website"),
    ("global", {}, "all"),
]


async def test_what_core_publishes_reaches_who_follows_it(bench: Bench, connect: Open) -> None:
    """§2.7: event, payload and room, as Frappe's own code publishes them."""
    editor = await connect(EDITOR)
    await editor.say("doc_subscribe", *KJFK)
    await editor.say("doctype_subscribe", "Airport")
    await editor.say("task_subscribe", "t")
    await editor.settle()
    editor.forget()
    for event, message, room in STOCK:
        bench.publish(event, message, room)
    await editor.wait_for("global")
    assert editor.heard == [[event, message] for event, message, _ in STOCK]


async def test_a_socket_in_two_rooms_hears_each_event_once(bench: Bench, open_socket: Open) -> None:
    """§9j: one event, one delivery, whatever rooms and servers there are."""
    editor = await open_socket(PYTHON_WEBSOCKET, EDITOR)
    for _ in range(3):
        await editor.say("doc_subscribe", *KJFK)
    await editor.settle()
    editor.forget()
    bench.publish("once", 1, "doc:Airport/KJFK")
    bench.publish("last", 1, "website")
    await editor.wait_for("last")
    assert editor.heard == [["once", 1], ["last", 1]]


async def test_every_server_delivers_to_its_own_sockets_once(
    bench: Bench, open_socket: Open, server: Process, other_server: Process
) -> None:
    """§9j: several servers subscribe to ``events``, and each emits locally."""
    here = await open_socket(PYTHON_WEBSOCKET, EDITOR, to=server)
    there = await open_socket(PYTHON_WEBSOCKET, EDITOR, to=other_server)
    bench.publish("once", 1, f"user:{EDITOR}")
    bench.publish("last", 1, "all")
    for socket in (here, there):
        await socket.wait_for("last")
        assert socket.heard == [["once", 1], ["last", 1]]


@pytest.mark.parametrize("room", [None, ""])
async def test_an_event_without_a_room_goes_to_every_site_and_socket(
    bench: Bench, connect: Open, room: str | None
) -> None:
    """§2.2, §9m: no room means every namespace; esbuild's build_event has no namespace either."""
    sockets = [await connect(EDITOR), await connect("Guest"), await connect(VIEWER, V15)]
    bench.publish("build_event", {"success": True}, room, site=None)
    for socket in sockets:
        assert await socket.wait_for("build_event") == {"success": True}
    bench.redis.publish("events", '{"event": "build_event", "message": 7}')
    for socket in sockets:
        await socket.wait_for("build_event", lambda message: message == 7)


MALFORMED: list[str | bytes] = [
    *("", " ", "{", "null", "[]", '"text"', "7", "{}", '{"message": 1}', b"\xff\xfe\x00"),
    *('{"event": null}', '{"event": 7}', '{"event": ["a"]}', '{"event": ""}'),
    *(
        '{"event": "x", "room": 7}',
        '{"event": "x", "room": {"a": 1}}',
        '{"event": "x", "room": []}',
    ),
    '{"event": "x", "room": "all", "namespace": ["a"]}',
    '{"event": "x", "room": "all", "namespace": "no-such-site"}',
    '{"event": "x", "message": "\\ud800", "room": "all", "namespace": "demo.localhost"}',
    "[" * 100_000,
]


async def test_malformed_messages_harm_nobody(bench: Bench, connect: Open) -> None:
    """§2.2: Node throws on malformed JSON; this server goes on."""
    editor = await connect(EDITOR)
    for number, malformed in enumerate(MALFORMED):
        bench.redis.publish("events", malformed)
        bench.publish("after", number, f"user:{EDITOR}")
        await editor.wait_for("after", partial(operator.eq, number))
    await editor.settle()
    assert editor.is_connected and not editor.lived("disconnect")


async def test_a_number_that_json_does_not_have_cuts_nobody_off(
    bench: Bench, connect: Open
) -> None:
    """§1.3: as_json writes NaN for Python's, and a browser that is sent one hangs up."""
    editor = await connect(EDITOR)
    envelope = '{"event": "x", "message": [%s], "room": "all", "namespace": "demo.localhost"}'
    for number in ("NaN", "Infinity", "-Infinity"):
        bench.redis.publish("events", envelope % number)
    bench.publish("after", 1, f"user:{EDITOR}")
    await editor.wait_for("after")
    assert editor.is_connected and not editor.lived("disconnect")


async def test_what_v14_publishes_is_harmless(bench: Bench, connect: Open) -> None:
    """§9k: v14's JSON has a room with the site in it, and no namespace."""
    editor = await connect(EDITOR)
    for room in (f"{SITE}:all", f"{SITE}:user:{EDITOR}", "all", f"user:{EDITOR}"):
        old = {"event": "old", "message": {"room": room}, "room": room}
        bench.redis.publish("events", json.dumps(old))
    bench.publish("after", 1, f"user:{EDITOR}")
    await editor.wait_for("after")
    assert editor.heard == [["after", 1]]


# --- open_in_editor ------------------------------------------------------------------------------

PLACE = {"file": "apps/x/x.js", "line": 1, "column": 2}


class Channel:
    """What is published on ``open_in_editor`` until something marks the end."""

    def __init__(self, redis: Any) -> None:
        self._redis = redis
        self._pubsub = redis.pubsub(ignore_subscribe_messages=True)
        self._pubsub.subscribe("open_in_editor")
        self._pubsub.get_message(timeout=5)

    def drain(self) -> list[Any]:
        self._redis.publish("open_in_editor", '"end"')
        found: list[Any] = []
        while True:
            message = self._pubsub.get_message(timeout=5)
            if message is None:
                continue
            found.append(json.loads(message["data"]))
            if found[-1] == "end":
                self._pubsub.close()
                return found[:-1]


@pytest.mark.parametrize(
    "kind", [PYTHON_WEBSOCKET, pytest.param(Kind(NPM_FRAPPE, "upgrade"), marks=with_npm)], ids=str
)
async def test_a_developer_opens_a_file_in_the_editor(
    bench: Bench, open_socket: Open, start_server: StartServer, kind: Kind
) -> None:
    """§2.5 open_in_editor: PUBLISH, in developer_mode, and not for Guests."""
    server = start_server(developer_mode=1, default_site=SITE)
    editor = await open_socket(kind, EDITOR, to=server)
    guest = await open_socket(kind, "Guest", to=server)
    channel = Channel(bench.redis)
    await guest.say("open_in_editor", {"file": "guest's"})
    await guest.settle()
    await editor.say("open_in_editor", PLACE)
    await editor.settle()
    assert channel.drain() == [PLACE]


async def test_nobody_opens_files_on_a_machine_that_is_no_developers(
    bench: Bench, open_socket: Open
) -> None:
    """§9p: open_in_editor only in developer_mode."""
    editor = await open_socket(PYTHON_WEBSOCKET, EDITOR)
    channel = Channel(bench.redis)
    await editor.say("open_in_editor", PLACE)
    await editor.settle()
    assert channel.drain() == []


# --- what no client would send -------------------------------------------------------------------


async def test_odd_frames_harm_only_who_sends_them(
    bench: Bench, server: Process, open_socket: Open
) -> None:
    """§9g: whatever one client does, the others are served."""
    viewer = await open_socket(PYTHON_WEBSOCKET, VIEWER)
    headers = {"Cookie": "sid=Guest", "X-Frappe-Site-Name": SITE}
    for frame in (
        f"42/{SITE},[]",
        f"42/{SITE},{{}}",
        f"42/{SITE},[7]",
        f'42/{SITE},[["ping"]]',
        f'42/{SITE},["doc_subscribe",null,{{}}]',
        f"42/{SITE},7",
        "4",
        "49",
        "42/nowhere.localhost,[1]",
        f'451-/{SITE},["ping",{{"_placeholder":true,"num":0}}]',
    ):
        async with Frames(server.url, headers) as frames:
            await frames.send(f"40/{SITE},")
            assert (await frames.receive()).startswith("40")
            await frames.send(frame)
    await viewer.settle()
    assert await bench.reaches("all", viewer)

"""A site's switch holds within seconds, for those who were there before, too."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from presence_progress import rooms
from tests.conftest import free_port
from tests.server.conftest import SITE, Client, Connect, Process, Stack
from tests.server.faults import Faults

EDITOR, VIEWER = "editor@example.com", "viewer@example.com"
DOCUMENT = {"doctype": "Airport", "name": "KJFK"}
ROOM = "presence:Airport/KJFK"


class Bench:
    """A bench with one site, whose settings a test changes, and its server."""

    def __init__(self, stack: Stack, folder: Path, site_url: str = "") -> None:
        self._settings = folder / "sites" / SITE / "site_config.json"
        self._settings.parent.mkdir(parents=True)
        (folder / "apps").mkdir()
        common = {
            "redis_queue": stack.redis_server.url,
            "presence_progress_site_url": site_url or stack.site.url,
            "default_site": SITE,
            "presence_progress_host": "127.0.0.1",
        }
        (folder / "sites/common_site_config.json").write_text(json.dumps(common))
        port = free_port()
        self.server = Process(
            f"http://127.0.0.1:{port}",
            *("presence_progress.cli", "serve", "--port", str(port)),
            folder=folder,
        )

    def set(self, **settings: Any) -> None:
        named = {f"presence_progress_{key}": value for key, value in settings.items()}
        self._settings.write_text(json.dumps(named))


@pytest.fixture
def bench(stack: Stack, tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(stack, tmp_path)
    bench.server.start()
    yield bench
    bench.server.stop()


async def watch_until(client: Client, outcome: str, room: str) -> Any:
    """Ask for a room again and again until this is the answer; a setting holds within seconds."""
    while True:
        client.forget()
        await client.say("room_watch", room)
        await client.settle()
        for event, message in client.heard:
            if event == outcome and message["room"] == room:
                return message


async def wait_for_editor(client: Client, room: str, what: str) -> None:
    def matches(message: Any) -> bool:
        return message["room"] == room and EDITOR in message[what]

    await client.wait_for("room_change", matches)


async def denied(client: Client, room: str) -> str:
    message = await client.wait_for("room_denied", lambda m: m["room"] == room)
    return str(message["reason"])


async def test_the_switch_ends_presence_for_everybody_and_gives_it_back(
    bench: Bench, server: Process, sign_in: Connect
) -> None:
    viewer, editor = await sign_in(VIEWER, bench.server), await sign_in(EDITOR, bench.server)
    elsewhere = await sign_in(VIEWER, server)
    await elsewhere.watch(ROOM)
    await elsewhere.watch("online")
    await viewer.watch(ROOM)
    await viewer.watch("count:site/x")
    await viewer.say("presence_list", {"doctype": "Airport", "names": ["EDDB"]})
    await editor.say("presence_enter", DOCUMENT)
    for room in (ROOM, "online"):
        await elsewhere.wait_until_there(room, EDITOR)
    bench.set(presence=False)
    for client, room in ((viewer, ROOM), (viewer, "presence:Airport/EDDB"), (editor, ROOM)):
        assert await denied(client, room) == "presence is off"
    for room in (ROOM, "online"):
        await wait_for_editor(elsewhere, room, "unset")
    for event, argument in (
        ("room_watch", ROOM),
        ("room_watch", "online"),
        ("presence_enter", DOCUMENT),
        ("presence_list", {"doctype": "Airport", "names": ["KJFK"]}),
    ):
        editor.forget()
        await editor.say(event, argument)
        assert (await editor.wait_for("room_denied"))["reason"] == "presence is off"
    await viewer.settle()
    assert not [m for e, m in viewer.heard if e == "room_denied" and m["room"] == "count:site/x"]
    elsewhere.forget()
    bench.set()
    await watch_until(viewer, "room_state", ROOM)
    await wait_for_editor(elsewhere, "online", "set")


async def test_who_may_see_who_is_online_follows_the_setting(
    bench: Bench, sign_in: Connect
) -> None:
    editor = await sign_in(EDITOR, bench.server)
    guest = await Client("Guest").connect(bench.server.url)
    await editor.watch("online")
    await editor.watch("online:count")
    await guest.say("room_watch", "online:count")
    assert await denied(guest, "online:count") == "not permitted"
    bench.set(online="off", online_count="website")
    assert await denied(editor, "online") == "not permitted"
    await watch_until(guest, "room_state", "online:count")
    await editor.settle()
    assert len([e for e, _ in editor.heard if e == "room_denied"]) == 1
    await guest.socket.disconnect()


async def test_guests_neither_watch_nor_enter_unless_the_site_says_so(
    bench: Bench, sign_in: Connect
) -> None:
    guest = await Client("Guest").connect(bench.server.url)
    for event, argument, reason in (
        ("room_watch", ROOM, "not permitted"),
        ("presence_enter", DOCUMENT, "may not enter"),
    ):
        guest.forget()
        await guest.say(event, argument)
        assert await denied(guest, ROOM) == reason
    await guest.socket.disconnect()


async def test_a_setting_does_not_wait_for_what_a_client_has_in_line(
    stack: Stack, faults: Faults, tmp_path: Path, sign_in: Connect
) -> None:
    bench = Bench(stack, tmp_path, faults.url)
    await asyncio.to_thread(bench.server.start)
    viewer, editor = await sign_in(VIEWER, bench.server), await sign_in(EDITOR, bench.server)
    elsewhere = "presence:Airport/EDDB"
    await viewer.watch(elsewhere)
    await viewer.say("presence_enter", {"doctype": "Airport", "name": "EDDB"})
    await viewer.wait_until_there(elsewhere, VIEWER)
    faults.questions.clear()
    async with faults.held("has_permission"):
        await viewer.say("room_watch", ROOM)  # waits for Frappe, by the rules of before
        await viewer.say("presence_enter", DOCUMENT)
        await faults.wait_asked("has_permission")
        bench.set(presence=False)
        assert await denied(viewer, elsewhere) == "presence is off"
    # What was under way has joined after that, and leaves again.
    assert await denied(viewer, ROOM) == "presence is off"
    await viewer.settle()
    await editor.settle()
    assert VIEWER not in rooms.snapshot(ROOM).state
    assert VIEWER not in rooms.snapshot(elsewhere).state
    await asyncio.to_thread(bench.server.stop)

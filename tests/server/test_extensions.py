"""An app's own events: named in its hooks.py, run beside ours, nobody's trouble but the app's."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import free_port
from tests.server.conftest import NAMESPACE, SITE, Connect, Process, Stack

EDITOR, VIEWER, NOBODY = "editor@example.com", "viewer@example.com", "no-access@example.com"

HOOKS = """
import a_module_that_is_not_there  # hooks.py is read, not run

app_name = "presence_progress"
presence_progress_events = {
    "shout": "shouting.realtime.shout",
    "listen": "shouting.realtime.listen",
    "slip": "shouting.realtime.slip",
    "echo": "shouting.realtime.echo",
    "unsayable": "shouting.realtime.unsayable",
    "ping": "shouting.realtime.shout",
    "plain": "shouting.realtime.plain",
    "lost": "shouting.nowhere.shout",
    "may": "shouting.realtime.may",
}
"""
REALTIME = """
import sys


async def listen(session, hall):
    may_read = await session.has_permission("Airport", "KJFK")
    assert await session.join(f"hall:{hall}", "Airport", "KJFK") is may_read


async def shout(session, hall, words):
    assert "frappe" not in sys.modules
    await session.emit("shouted", [session.site, session.user, words], room=f"hall:{hall}")
    await session.emit("done")


async def may(session, *document):
    await session.emit("may", await session.has_permission(*document))


async def slip(session):
    raise ValueError("slipped")


async def echo(session, value):
    return value


async def unsayable(session):
    return [b"fine", object()]


def plain(session):
    pass
"""


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(textwrap.dedent(text))


@pytest.fixture(scope="module")
def bench(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a bench with an app that works, one that does not, and one that needs Node.

    The site of the demo says that it has the app presence_progress; so that is what the first is
    called here.
    """
    root = tmp_path_factory.mktemp("bench")
    apps = ("presence_progress", "broken", "elsewhere", "raven")
    write(root / "sites/apps.txt", "\n".join(apps))
    config = {
        "redis_queue": stack.redis_server.url,
        "presence_progress_site_url": stack.site.url,
        "default_site": SITE,
        "presence_progress_host": "127.0.0.1",
    }
    write(root / "sites/common_site_config.json", json.dumps(config))
    write(root / "apps/presence_progress/presence_progress/hooks.py", HOOKS)
    write(root / "apps/presence_progress/shouting/__init__.py", "")
    write(root / "apps/presence_progress/shouting/realtime.py", REALTIME)
    write(root / "apps/broken/broken/hooks.py", "presence_progress_events = [1]")
    hooks = 'presence_progress_events = {"whisper": "whispering.whisper"}'
    write(root / "apps/elsewhere/elsewhere/hooks.py", hooks)
    write(
        root / "apps/elsewhere/whispering.py", "async def whisper(session): await session.emit('w')"
    )
    write(root / "apps/raven/realtime/handlers.js", "")
    return root


@pytest.fixture(scope="module")
def log(bench: Path) -> Path:
    return bench / "log"


@pytest.fixture(scope="module")
def server(bench: Path, log: Path) -> Iterator[Process]:
    port = free_port()
    server = Process(
        f"http://127.0.0.1:{port}",
        *("presence_progress.cli", "serve", "--port", str(port)),
        folder=bench,
        output=log,
    )
    try:
        server.start()
        yield server
    finally:
        server.stop()


def logged(log: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]


async def test_an_apps_events_work_across_servers_and_rooms(
    bench: Path, server: Process, sign_in: Connect
) -> None:
    editor, viewer = await sign_in(EDITOR, server), await sign_in(VIEWER, server)
    nobody = await sign_in(NOBODY, server)
    for client in (viewer, nobody):
        await client.say("listen", "north")
        await client.settle()
    await editor.say("shout", "north", {"words": 1})
    assert await viewer.wait_for("shouted") == [SITE, EDITOR, {"words": 1}]
    assert await editor.wait_for("done") is None
    await nobody.settle()
    assert [event for event, _ in nobody.heard] == ["pong"], "no right, no hall"


async def test_an_app_need_not_look_at_what_a_client_calls_a_name(
    server: Process, log: Path, sign_in: Connect
) -> None:
    editor = await sign_in(EDITOR, server)
    odd: list[Any] = ["x" * 501, "a\0", 1.5, True, None, {}, ["KJFK"]]
    for document in [*([name, "KJFK"] for name in odd), *(["Airport", name] for name in odd)]:
        editor.forget()
        await editor.say("may", *document)
        assert await editor.wait_for("may") is False, document
    for document in (["Airport", "KJFK"], ["Airport"]):
        editor.forget()
        await editor.say("may", *document)
        assert await editor.wait_for("may") is True
    editor.forget()
    # What is no Unicode does not come to it at all, what is no room's name not from it.
    await editor.say("may", "\ud83d")
    await editor.say("shout", "x", ["\ud83d"])
    await editor.say("listen", "x" * 501)
    await editor.settle()
    assert [event for event, _ in editor.heard] == ["pong"]
    assert "Traceback" not in log.read_text()


async def test_what_fails_is_logged_with_its_app_and_the_next_event_works(
    server: Process, log: Path, sign_in: Connect
) -> None:
    editor = await sign_in(EDITOR, server)
    await editor.say("slip")
    await editor.say("shout")
    await editor.settle()
    assert await editor.wait_for("pong") is None, "ping is ours, whatever an app says"
    failed = [line for line in logged(log) if line["event"] == "an app's event failed"]
    assert [(line["app"], line["event_name"]) for line in failed] == [
        ("presence_progress", "slip"),
        ("presence_progress", "shout"),
    ]
    assert "slipped" in failed[0]["exception"]


@pytest.mark.parametrize("transport", ["websocket", "polling"])
async def test_what_a_handler_returns_acknowledges_its_event(
    server: Process, log: Path, sign_in: Connect, transport: str
) -> None:
    async def call(event: str, *arguments: Any) -> Any:
        return await editor.socket.call(event, arguments or None, NAMESPACE, timeout=15)

    editor = await sign_in(EDITOR, server, transport)
    values: list[Any] = [0, "ü", [], {"of": [b"\x00\xff", {"bytes": b""}]}]
    for value in values:
        assert await call("echo", value) == value
    assert await call("echo", None) is None
    for event, reason in (
        ("slip", "failed"),
        ("unsayable", "failed"),
        ("whisper", "no such event"),
    ):
        assert await call(event) == {"error": reason}
    [failed] = [line for line in logged(log) if line.get("event_name") == "unsayable"][-1:]
    assert failed["event"] == "event failed" and "object" in failed["error"]


def test_what_is_broken_is_named_and_left_out(server: Process, log: Path) -> None:
    left_out = {
        (line["app"], line.get("event_name")): line["why"]
        for line in logged(log)
        if line["event"].endswith("left out")
    }
    assert set(left_out) == {
        ("broken", None),
        ("presence_progress", "ping"),
        ("presence_progress", "plain"),
        ("presence_progress", "lost"),
    }
    assert "no plain dict" in left_out["broken", None]
    assert "no async function" in left_out["presence_progress", "plain"]
    assert "shouting.nowhere" in left_out["presence_progress", "lost"]


def test_an_app_that_needs_node_is_named_at_the_start(server: Process, log: Path) -> None:
    assert "raven has events of its own in realtime/handlers.js" in log.read_text()


async def test_an_app_that_a_site_does_not_have_is_silent_there(
    server: Process, sign_in: Connect
) -> None:
    editor = await sign_in(EDITOR, server)
    await editor.say("whisper")
    await editor.settle()
    assert [event for event, _ in editor.heard] == ["pong"]

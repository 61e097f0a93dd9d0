"""What the server says of itself: that it lives, whether it is ready, what it has counted."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import aiohttp
import pytest

from presence_progress import counts
from tests.server.conftest import SITE, Connect, Process, Stack

EDITOR = "editor@example.com"


async def get(url: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as http, http.get(url) as reply:
        return reply.status, await reply.text()


async def test_without_redis_it_lives_but_is_not_ready(own_stack: Stack, sign_in: Connect) -> None:
    server = own_stack.start_server()
    editor = await sign_in(EDITOR, server)
    assert await get(f"{server.url}/readyz") == (200, "ok\n")
    own_stack.redis_server.stop()
    while (await get(f"{server.url}/readyz"))[0] == 200:
        await asyncio.sleep(0.02)
    assert await get(f"{server.url}/readyz") == (503, "Redis is away\n")
    assert await get(f"{server.url}/healthz") == (200, "ok\n")
    own_stack.redis_server.start()
    while (await get(f"{server.url}/readyz"))[0] != 200:
        await asyncio.sleep(0.02)
    counts.publish_realtime("back", user=EDITOR)
    await editor.wait_for("back")


async def test_a_redis_that_refuses_writes_is_not_ready(own_stack: Stack) -> None:
    server = own_stack.start_server()
    for setting, value, back, why in (
        ("maxmemory", "1", "0", "used memory > 'maxmemory'"),
        ("min-replicas-to-write", "1", "0", "NOREPLICAS"),
    ):
        own_stack.redis.config_set(setting, value)
        while (answer := await get(f"{server.url}/readyz"))[0] == 200:
            await asyncio.sleep(0.02)
        assert answer[0] == 503 and answer[1].startswith("Redis refuses writes: ")
        assert why in answer[1]
        own_stack.redis.config_set(setting, back)
        while (await get(f"{server.url}/readyz"))[0] != 200:
            await asyncio.sleep(0.02)


async def test_it_starts_while_redis_is_away(own_stack: Stack) -> None:
    own_stack.redis_server.stop()
    server = own_stack.make_server()
    starting = asyncio.ensure_future(asyncio.to_thread(server.start))
    try:
        while True:
            try:
                if await get(f"{server.url}/healthz") == (200, "ok\n"):
                    break
            except aiohttp.ClientError:
                await asyncio.sleep(0.02)
        assert not starting.done()
        own_stack.redis_server.start()
        await starting
    finally:
        await asyncio.to_thread(server.stop)


async def test_what_happens_is_counted(server: Process, sign_in: Connect) -> None:
    editor = await sign_in(EDITOR, server)
    await editor.say("doc_subscribe", "Airport", "KJFK")
    await editor.settle()
    status, text = await get(f"{server.url}/metrics")
    assert status == 200
    for line in (
        f'presence_progress_sockets{{site="{SITE}"}}',
        'presence_progress_client_events_total{event="doc_subscribe"}',
        'presence_progress_questions_total{outcome="answered"}',
        "presence_progress_question_seconds_bucket",
        "presence_progress_listening 1.0",
    ):
        assert line in text


@pytest.mark.parametrize("path", ["/", "/socket.iox", "/../etc/passwd"])
async def test_other_addresses_are_not_found(server: Process, path: str) -> None:
    assert (await get(server.url + path))[0] == 404


async def test_a_websocket_that_is_no_socket_io_is_refused(server: Process) -> None:
    async with aiohttp.ClientSession() as http:
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await http.ws_connect(f"{server.url}/elsewhere")


async def test_the_log_is_one_json_object_a_line(stack: Stack, tmp_path: Path) -> None:
    server = await asyncio.to_thread(stack.start_server, output=tmp_path / "log")
    stack.redis.publish("events", "rubbish")
    while "no event" not in (tmp_path / "log").read_text():
        await asyncio.sleep(0.02)
    await asyncio.to_thread(server.stop)
    lines = (tmp_path / "log").read_text().splitlines()
    entries = [json.loads(line) for line in lines if line.startswith("{")]
    assert {"Redis is heard", "a message that is no event"} <= {e["event"] for e in entries}
    assert all({"level", "timestamp", "logger"} <= set(entry) for entry in entries)

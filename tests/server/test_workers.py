"""Several processes behind one port: polling stays with its process, and a dead one is replaced."""

from __future__ import annotations

import asyncio
import os
import signal
import urllib.request
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import aiohttp
import pytest

from presence_progress import counts
from tests.conftest import until_answers
from tests.server.conftest import SITE, Client, Connect, Process, Stack, session_of

EDITOR, VIEWER = "editor@example.com", "viewer@example.com"
DOCUMENT = {"doctype": "Airport", "name": "KJFK"}
ROOM = "presence:Airport/KJFK"
COUNT = 3


@pytest.fixture
async def several(stack: Stack) -> AsyncIterator[Process]:
    server = await asyncio.to_thread(stack.start_server, "--workers", str(COUNT))
    await asyncio.to_thread(wait_for_all, server)
    yield server
    await asyncio.to_thread(server.stop)


def wait_for_all(server: Process) -> None:
    """Wait until each process hears Redis: the server is ready as soon as one of them does."""

    def ask(number: int) -> None:
        # It goes to the process that such a session would belong to.
        urllib.request.urlopen(f"{server.url}/readyz?sid={number}-").close()

    for number in range(COUNT):
        until_answers(partial(ask, number), 60)


def worker_of(client: Client) -> str:
    number: str = client.socket.eio.sid.partition("-")[0]
    return number


def children_of(pid: int) -> list[int]:
    """Return the processes that serve, in the order in which they were started."""
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [child for child in map(int, text.split()) if is_serving(child)]


def is_serving(pid: int) -> bool:
    try:
        return b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return False  # it was there a moment ago


@pytest.mark.parametrize("transport", ["polling", "websocket", "upgrade"])
async def test_sessions_spread_over_the_processes_and_stay_there(
    stack: Stack, several: Process, transport: str
) -> None:
    sid = await session_of(stack, EDITOR)
    transports = ["polling", "websocket"] if transport == "upgrade" else [transport]
    clients = [await Client(sid).connect(several.url, *transports) for _ in range(2 * COUNT)]
    assert {worker_of(client) for client in clients} == {str(n) for n in range(COUNT)}
    for number in range(3):
        counts.publish_realtime("number", {"n": number}, user=EDITOR)
    for client in clients:
        await client.wait_for("number", lambda m: m["n"] == 2)
        assert [m["n"] for event, m in client.heard if event == "number"] == [0, 1, 2]
        await client.settle()
        await client.socket.disconnect()


async def test_a_process_that_dies_is_replaced_and_the_others_go_on(
    stack: Stack, several: Process, sign_in: Connect
) -> None:
    clients = [await sign_in(VIEWER, several) for _ in range(COUNT)]
    await clients[0].watch(ROOM)
    dead = asyncio.Event()
    other = next(client for client in clients if worker_of(client) != worker_of(clients[0]))
    other.socket.on("disconnect", dead.set, namespace=f"/{SITE}")
    before = children_of(several.pid)
    # The children are started in the order of their numbers.
    os.kill(before[int(worker_of(other))], signal.SIGKILL)
    await asyncio.wait_for(dead.wait(), 10)
    while len(after := children_of(several.pid)) < COUNT or after == before:
        await asyncio.sleep(0.05)
    for _ in range(COUNT):
        # Until the new process listens, what it is handed waits in its channel.
        again = await sign_in(EDITOR, several)
        await again.say("presence_enter", DOCUMENT)
        await again.settle()
    await clients[0].wait_until_there(ROOM, EDITOR)


async def test_what_is_counted_is_counted_over_all(
    stack: Stack, several: Process, sign_in: Connect
) -> None:
    for _ in range(2 * COUNT):
        await sign_in(VIEWER, several)
    async with aiohttp.ClientSession() as http:
        for _ in range(COUNT):
            async with http.get(f"{several.url}/metrics") as reply:
                assert f'presence_progress_sockets{{site="{SITE}"}} {2.0 * COUNT}' in (
                    await reply.text()
                )


async def test_a_head_that_does_not_come_ends_the_connection(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether its first line is missing, so that nobody knows whose it is, or what follows."""
    monkeypatch.setenv("PRESENCE_PROGRESS_HEADER_SECONDS", "1")
    server = await asyncio.to_thread(stack.start_server, "--workers", "2")
    port = int(server.url.rpartition(":")[2])

    async def answer_to(head: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(head)
        try:
            return await asyncio.wait_for(reader.read(), 9)
        except ConnectionResetError:
            return b""
        finally:
            writer.close()

    heads = b"GET /socket.io/", b"GET / HTTP/1.1\r\nHost"
    answers = await asyncio.gather(*map(answer_to, heads))
    assert answers[0] == b"" and answers[1].startswith(b"HTTP/1.1 408 ")
    await asyncio.to_thread(server.stop)


async def test_all_of_them_end_together(several: Process) -> None:
    children = children_of(several.pid)
    assert len(children) == COUNT
    await asyncio.to_thread(several.stop)
    assert not [child for child in children if Path(f"/proc/{child}").exists()]

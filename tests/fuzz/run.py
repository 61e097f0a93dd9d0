"""One run: a server, a site and a Redis of its own, everybody who tries a way in, and witnesses who
must notice nothing."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import os
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

import aiohttp

from presence_progress import rooms
from presence_progress.server.engine import end_tasks
from presence_progress.settings import COUNT_TTL
from tests.conftest import RedisServer
from tests.fuzz.attacks import Attack, Bus, ClientEvents, Packets, Parameters
from tests.fuzz.socket import PATIENCE, Lost, Socket
from tests.server.conftest import SITE, Stack, make_stack, session_of

ATTACKER, WITNESSES = "editor@example.com", ("viewer@example.com", "customer@example.com")
_SHOWN = 20
_PAUSE = 0.1
"""Seconds between two looks of a witness."""
_UNLIMITED = {
    # How much somebody may send is another test's: here it is what.
    f"PRESENCE_PROGRESS_{limit}": "1000000000"
    for limit in (
        *("EVENTS_PER_SECOND", "EVENTS_BURST", "BYTES_PER_SECOND", "BYTES_BURST"),
        *("USER_EVENTS_PER_SECOND", "USER_EVENTS_BURST", "USER_BYTES_PER_SECOND"),
        *("USER_BYTES_BURST", "SOCKETS_PER_USER", "CONNECTIONS_PER_ADDRESS", "VALUES"),
    )
}


@dataclass
class Report:
    """What was tried, by whom, and what went wrong."""

    tried: dict[str, Counter[str]] = field(default_factory=dict)
    looks: int = 0
    faults: list[str] = field(default_factory=list)

    def note(self, fault: str) -> None:
        self.faults.append(fault)

    def __str__(self) -> str:
        lines = [f"{name}: {done.total()}" for name, done in self.tried.items()]
        lines.append(f"looks of witnesses: {self.looks}")
        lines += [f"FAULT {fault}" for fault in self.faults[:_SHOWN]]
        return "\n".join([*lines, f"{len(self.faults)} faults"])


async def run(seed: int, seconds: float, folder: Path) -> Report:
    """Try every way in for some seconds."""
    report, log = Report(), folder / "server.log"
    with _stack(folder) as stack:
        server = stack.start_server(output=log)
        async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http:
            sid = await session_of(stack, ATTACKER)
            attacks: list[Attack] = [
                ClientEvents(seed, report.note, Socket(http, server.url, sid)),
                Packets(seed, report.note, http, server.url),
                Parameters(seed, report.note, http, stack.site.url, sid),
                Bus(seed, report.note, stack.redis, ATTACKER),
            ]
            witnesses = [
                _witness(
                    stack, Socket(http, server.url, await session_of(stack, user)), user, report
                )
                for user in WITNESSES
            ]
            watch = _watch(http, server.url, report)
            await _run_for(seconds, *(attack.run() for attack in attacks), *witnesses, watch)
        report.tried = {attack.name: attack.done for attack in attacks}
        server.stop()
    for number, line in enumerate(log.read_text(errors="replace").splitlines()):
        if "Traceback" in line or '"level": "error"' in line:
            report.note(f"line {number} of the server's log: {line[:2_000]}")
    return report


@contextlib.contextmanager
def _stack(folder: Path) -> Iterator[Stack]:
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    with mock.patch.dict(os.environ, _UNLIMITED), RedisServer(folder) as redis_server:
        yield from make_stack(redis_server, folder)


async def _run_for(seconds: float, *all_of_them: object) -> None:
    tasks = [asyncio.ensure_future(one) for one in all_of_them]  # type: ignore[call-overload]
    try:
        done, _ = await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_EXCEPTION)
        for task in done:
            task.result()
    finally:
        await end_tasks(*tasks)


async def _witness(stack: Stack, socket: Socket, user: str, report: Report) -> None:
    """Ask for a private count that changes all the time: it is always one's own, and the newest."""
    room = f"count:user:{user}/private"
    await socket.open()
    for number in itertools.count(1):
        value = 1_000 * number + WITNESSES.index(user)
        call = rooms.set_call(SITE, room, COUNT_TTL, {"value": value})
        await asyncio.to_thread(rooms.run, stack.redis, call)
        try:
            heard = await socket.hear(f'42/{SITE},["room_watch","{room}"]')
        except Lost as lost:
            report.note(f"{user} is cut off: {lost}")
            await socket.open()
            continue
        states = [event[1] for event in heard if event[0] in ("room_state", "room_denied")]
        own = [one for one in states if isinstance(one, dict) and one.get("room") == room]
        if not own or own[-1].get("state") != {"value": value}:
            report.note(f"{user} asks for {value} and is told {own or heard!r:.300}")
        report.looks += 1
        await asyncio.sleep(_PAUSE)


async def _watch(http: aiohttp.ClientSession, url: str, report: Report) -> None:
    """The server says all the time that it is ready."""
    while True:
        began = time.monotonic()
        async with http.get(f"{url}/readyz", timeout=aiohttp.ClientTimeout(PATIENCE)) as ready:
            if ready.status != 200:
                report.note(f"readyz: {ready.status} {await ready.text()}")
        await asyncio.sleep(max(0.0, 0.5 - (time.monotonic() - began)))

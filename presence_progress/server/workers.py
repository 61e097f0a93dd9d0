"""Several processes of the realtime server behind one port.

A session that polls must meet the process that knows it with every request. So the parent accepts
each connection, looks at its first line without reading it away, and hands the connection itself to
the process whose number the session's id begins with; a new session goes to the next one in turn.
A WebSocket is handed over once and then costs nothing; every other answer closes its connection,
since the next request on it might belong to another process.

Each process is a node like any other: it hears Redis by itself, and knows nothing of the others.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import multiprocessing
import os
import re
import shutil
import signal
import socket
import sys
import tempfile
from typing import Any

from presence_progress.server import logs
from presence_progress.settings import DRAIN_TIMEOUT, Settings

_SESSION = re.compile(rb"^[A-Z]+ \S*[?&]sid=(\d+)-")
_LONGEST_LINE = 4096
_SLOW_LINE = 0.01, 0.5
"""Seconds between two looks at a first line of which only a part is there: from, doubled, to."""
_KILL_AFTER = DRAIN_TIMEOUT + 3
_RESTART_PAUSE = 1.0


def run(settings: Settings, listening: socket.socket, count: int) -> None:
    """Serve with ``count`` processes until SIGTERM or SIGINT."""
    logs.configure()
    folder = tempfile.mkdtemp(prefix="presence-progress-")
    # Where the processes add up what they count; prometheus-client reads it when it is imported.
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
    try:
        asyncio.run(_Parent(settings, listening, count).run())
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class _Worker:
    """One process, and the channel through which it is handed connections."""

    def __init__(self, settings: Settings, number: int) -> None:
        self._settings = settings
        self._number = number
        self.start()

    def start(self) -> None:
        self._channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        # Spawned, not forked: the parent runs an event loop.
        self.process = multiprocessing.get_context("spawn").Process(
            target=_serve,
            args=(self._settings, self._number, theirs),
            name=f"worker-{self._number}",
        )
        self.process.start()
        theirs.close()
        self._channel.setblocking(False)

    def hand_over(self, connection: socket.socket) -> None:
        """Give a connection away; one that a dying process cannot take is closed, and comes
        again."""
        with contextlib.suppress(OSError):
            socket.send_fds(self._channel, [b"."], [connection.fileno()])

    def forget(self) -> None:
        """Close what belonged to a process that has ended."""
        from prometheus_client import multiprocess

        self._channel.close()
        multiprocess.mark_process_dead(self.process.pid)  # type: ignore[no-untyped-call]


class _Parent:
    """Accepts connections, and keeps the processes alive."""

    def __init__(self, settings: Settings, listening: socket.socket, count: int) -> None:
        self._listening = listening
        self._header_seconds = settings.limits.header_seconds
        self._workers = [_Worker(settings, number) for number in range(count)]
        self._turns = itertools.cycle(range(count))
        self._is_ending = asyncio.Event()
        self._handing: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._is_ending.set)
        self._listening.setblocking(False)
        accepting = asyncio.ensure_future(self._accept())
        watching = [asyncio.ensure_future(self._keep_alive(worker)) for worker in self._workers]
        await self._is_ending.wait()
        self._listening.close()
        for task in (accepting, *watching):
            task.cancel()
        await self._end_workers()

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, _ = await loop.sock_accept(self._listening)
            except OSError:
                # Out of file descriptors, mostly: what is there goes on, and some will be freed.
                await asyncio.sleep(0.1)
                continue
            task = asyncio.ensure_future(self._hand_over(connection))
            self._handing.add(task)
            task.add_done_callback(self._handing.discard)

    async def _hand_over(self, connection: socket.socket) -> None:
        with connection:
            connection.setblocking(False)
            with contextlib.suppress(OSError, asyncio.TimeoutError):
                line = await asyncio.wait_for(_first_line(connection), self._header_seconds)
                session = _SESSION.match(line)
                number = int(session[1]) if session else next(self._turns)
                # An id of nobody's is answered by anybody.
                self._workers[number % len(self._workers)].hand_over(connection)

    async def _keep_alive(self, worker: _Worker) -> None:
        while True:
            await _ended(worker.process)
            print(  # noqa: T201 - the parent has no logger of its own
                f"{worker.process.name} has died; starting it again", file=sys.stderr, flush=True
            )
            worker.forget()
            await asyncio.sleep(_RESTART_PAUSE)
            worker.start()

    async def _end_workers(self) -> None:
        processes = [worker.process for worker in self._workers]
        for process in processes:
            process.terminate()
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(asyncio.gather(*map(_ended, processes)), _KILL_AFTER)
        for process in processes:
            process.kill()
            process.join()


async def _first_line(connection: socket.socket) -> bytes:
    """Return the first line of a request, which stays there to be read."""
    seen = b""
    pause, longest = _SLOW_LINE
    while b"\n" not in seen and len(seen) < _LONGEST_LINE:
        await _when_readable(connection.fileno())
        now = connection.recv(_LONGEST_LINE, socket.MSG_PEEK)
        if not now:
            raise ConnectionResetError
        if now == seen:
            # Readable, with nothing new: the rest of the line is still on its way.
            await asyncio.sleep(pause)
            pause = min(2 * pause, longest)
        seen = now
    return seen


async def _when_readable(descriptor: int) -> None:
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    loop.add_reader(descriptor, readable.set)
    try:
        await readable.wait()
    finally:
        loop.remove_reader(descriptor)


async def _ended(process: Any) -> None:
    if process.is_alive():
        await _when_readable(process.sentinel)


def _serve(settings: Settings, number: int, channel: socket.socket) -> None:
    """Be a worker."""
    from presence_progress.server.process import HandedProcess, raise_file_limit

    logs.configure()
    raise_file_limit()
    HandedProcess(settings, number, channel).run(sockets=[])

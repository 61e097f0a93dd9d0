"""The clients that a realtime server must please, behind one face: npm's socket.io-client as Frappe
ships it and as it is today, and python-socketio's.

All connections of one npm client share a Node process, since starting one takes longer than a test.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import itertools
import json
import shutil
import signal
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import socketio
from socketio.packet import DISCONNECT, Packet

from tests.server.conftest import close

SCRIPT = Path(__file__).parent / "browser.mjs"
MODULES = SCRIPT.parents[2] / "frontend/node_modules"

NPM_FRAPPE, NPM_NEWEST, PYTHON = "npm-4.7.2", "npm-newest", "python"
PACKAGES = {NPM_FRAPPE: "socket.io-client-frappe", NPM_NEWEST: "socket.io-client"}
TRANSPORTS = {
    "polling": ["polling"],
    "websocket": ["websocket"],
    "upgrade": ["polling", "websocket"],
}
MISSING = "needs Node and frontend/node_modules: `make frontend` installs them"
HAS_NPM = bool(shutil.which("node")) and all(
    (MODULES / name).is_dir() for name in PACKAGES.values()
)


@dataclass(frozen=True)
class Kind:
    """Which client, over which way: polling, websocket, or the first upgraded to the second."""

    client: str
    way: str

    def __str__(self) -> str:
        return f"{self.client}-{self.way}"


KINDS = [Kind(client, way) for client in (*PACKAGES, PYTHON) for way in TRANSPORTS]


class Socket:
    """One connection to one site: what it heard from the server, and what became of itself."""

    def __init__(self, kind: Kind, user: str, site: str) -> None:
        self.kind, self.user, self.site = kind, user, site
        self.heard: list[list[Any]] = []
        """Events with their arguments."""
        self.life: list[list[Any]] = []
        """connect, upgrade, connect_error, disconnect, ack, reconnect_failed, with theirs."""
        self._news = asyncio.Event()

    async def say(self, event: str, *arguments: Any) -> None:
        raise NotImplementedError

    async def ask(self, event: str, *arguments: Any) -> None:
        """Say something and want an acknowledgement, which would be an ``ack`` in its life."""
        raise NotImplementedError

    async def disconnect(self) -> None:
        """Say goodbye and go."""
        raise NotImplementedError

    async def close(self) -> None:
        raise NotImplementedError

    def note(self, entries: list[list[Any]], entry: list[Any]) -> None:
        entries.append(entry)
        self._news.set()

    async def wait_for(
        self, event: str, matches: Callable[[Any], bool] = lambda _: True, seconds: float = 10
    ) -> Any:
        """Wait until an event was heard, since its start or the last ``forget``; return its
        message."""
        return await self._wait(self.heard, event, matches, seconds)

    async def wait_until(
        self, name: str, matches: Callable[[Any], bool] = lambda _: True, seconds: float = 20
    ) -> Any:
        """Wait until something became of the connection; return what was said about it."""
        return await self._wait(self.life, name, matches, seconds)

    async def _wait(
        self, entries: list[list[Any]], name: str, matches: Callable[[Any], bool], seconds: float
    ) -> Any:
        async def look() -> Any:
            while True:
                for found, *arguments in entries:
                    message = arguments[0] if arguments else None
                    if found == name and matches(message):
                        return message
                self._news.clear()
                await self._news.wait()

        try:
            return await asyncio.wait_for(look(), seconds)
        except asyncio.TimeoutError:
            raise AssertionError(
                f"{self.kind} of {self.user}: no {name} came that fits; "
                f"heard {self.heard}, its life {self.life}"
            ) from None

    async def settle(self) -> None:
        """Wait until the server has handled all that was said before, and all it sent has come."""
        self.heard[:] = [entry for entry in self.heard if entry[0] != "pong"]
        await self.say("ping")
        await self.wait_for("pong")

    def events(self) -> list[str]:
        """Return the names of what it heard, without the pongs of ``settle``."""
        return [entry[0] for entry in self.heard if entry[0] != "pong"]

    def messages(self, event: str) -> list[Any]:
        return [entry[1] for entry in self.heard if entry[0] == event]

    def lived(self, name: str) -> list[list[Any]]:
        return [entry[1:] for entry in self.life if entry[0] == name]

    def forget(self) -> None:
        self.heard.clear()
        self.life.clear()

    @property
    def is_connected(self) -> bool:
        states = [entry[0] for entry in self.life if entry[0] in ("connect", "disconnect")]
        return states[-1:] == ["connect"]


# --- npm ----------------------------------------------------------------------------------------


class Node:
    """A Node process with one version of socket.io-client and any number of connections."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._sockets: dict[int, NodeSocket] = {}
        self._ids = itertools.count(1)
        self._reader = asyncio.ensure_future(self._read())

    @classmethod
    async def start(cls, client: str) -> Node:
        return cls(
            await asyncio.create_subprocess_exec(
                *("node", str(SCRIPT), PACKAGES[client]),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                limit=16_000_000,
            )
        )

    def open(
        self, kind: Kind, user: str, site: str, url: str, options: Mapping[str, Any]
    ) -> Socket:
        socket = NodeSocket(self, next(self._ids), kind, user, site)
        self._sockets[socket.id] = socket
        self.order(socket.id, "open", f"{url}/{site}", options)
        return socket

    def order(self, *line: Any) -> None:
        assert self._process.stdin
        self._process.stdin.write(json.dumps(line).encode() + b"\n")

    def forget(self, socket_id: int) -> None:
        del self._sockets[socket_id]

    @contextlib.contextmanager
    def held_up(self) -> Iterator[None]:
        """Let it stand still for as long as the body runs, and then go on where it was."""
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    async def _read(self) -> None:
        assert self._process.stdout
        while line := await self._process.stdout.readline():
            socket_id, what, *entry = json.loads(line)
            socket = self._sockets.get(socket_id)
            if socket:
                socket.note(socket.heard if what == "event" else socket.life, entry)

    async def close(self) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        await asyncio.wait_for(self._process.wait(), 10)
        await self._reader


class NodeSocket(Socket):
    """A connection of npm's client."""

    def __init__(self, node: Node, socket_id: int, kind: Kind, user: str, site: str) -> None:
        super().__init__(kind, user, site)
        self.id = socket_id
        self._node = node

    async def say(self, event: str, *arguments: Any) -> None:
        self._node.order(self.id, "say", event, *arguments)

    async def ask(self, event: str, *arguments: Any) -> None:
        self._node.order(self.id, "ask", event, *arguments)

    async def disconnect(self) -> None:
        self._node.order(self.id, "disconnect")

    async def close(self) -> None:
        self._node.order(self.id, "close")
        self._node.forget(self.id)


# --- python-socketio ----------------------------------------------------------------------------

# Polling, it gives up over an answer with more packets than these; its own default is 16.
socketio.async_client.engineio.payload.Payload.max_decode_packets = 100_000


class PythonSocket(Socket):
    """A connection of python-socketio's client, as stubborn as Frappe's page is."""

    def __init__(self, kind: Kind, user: str, site: str) -> None:
        super().__init__(kind, user, site)
        self._namespace = f"/{site}"
        self.socket = socketio.AsyncClient(reconnection_attempts=3)
        # Coming back, it waits a second to be let in: short for a busy machine, and for Frappe.
        self.socket.connect = functools.partial(self.socket.connect, wait_timeout=20)
        for name in ("connect", "connect_error", "disconnect"):
            self.socket.on(name, self._note_life(name), namespace=self._namespace)
        self.socket.on("*", self._note_event, namespace=self._namespace)
        self._connecting: asyncio.Task[None] | None = None

    def open(self, url: str, headers: Mapping[str, str]) -> Socket:
        # In the background, as npm's: what becomes of it is in its life.
        self._connecting = asyncio.ensure_future(self._connect(url, headers))
        return self

    async def _connect(self, url: str, headers: Mapping[str, str]) -> None:
        try:
            await self.socket.connect(
                url,
                # A fresh copy for each try: it takes the cookie out of what it was given.
                lambda: dict(headers),
                transports=TRANSPORTS[self.kind.way],
                namespaces=[self._namespace],
                wait=False,
            )
        except socketio.exceptions.ConnectionError:
            return  # which is in its life as a connect_error
        if self.kind.way == "upgrade" and self.socket.transport() == "websocket":
            self.note(self.life, ["upgrade", "websocket"])

    def _note_life(self, name: str) -> Callable[..., None]:
        def note(*arguments: Any) -> None:
            said = [
                argument.get("message") if isinstance(argument, dict) else argument
                for argument in arguments
            ]
            self.note(self.life, [name, *said])

        return note

    def _note_event(self, *entry: Any) -> None:
        self.note(self.heard, list(entry))

    async def say(self, event: str, *arguments: Any) -> None:
        await self.socket.emit(event, arguments or None, namespace=self._namespace)

    async def ask(self, event: str, *arguments: Any) -> None:
        await self.socket.emit(
            event,
            arguments or None,
            namespace=self._namespace,
            callback=lambda *answer: self.note(self.life, ["ack", *answer]),
        )

    async def disconnect(self) -> None:
        """Say goodbye as a browser's client does; python-socketio's closes before it has said
        so."""
        await self.socket._send_packet(Packet(packet_type=DISCONNECT, namespace=self._namespace))

    async def close(self) -> None:
        if self._connecting:
            await self._connecting
        eio = self.socket.eio
        if eio.state == "connected" and eio.transport() == "polling":
            # It would wait until the next heartbeat answers the request that it has open.
            if self.is_connected:
                await self.disconnect()
            await eio.queue.join()
            loops = [eio.read_loop_task, eio.write_loop_task]
            await eio.disconnect(abort=True)
            for loop in filter(None, loops):
                loop.cancel()
            await asyncio.gather(*filter(None, loops), return_exceptions=True)
        await close(self.socket)


# --- by hand ------------------------------------------------------------------------------------


class Frames:
    """Engine.IO's frames by hand, over a WebSocket: for what no client would do."""

    def __init__(self, url: str, headers: Mapping[str, str]) -> None:
        self._url = f"{url}/socket.io/?EIO=4&transport=websocket"
        self._headers = headers
        self._http = aiohttp.ClientSession()
        self._socket: Any = None

    async def __aenter__(self) -> Frames:
        self._socket = await self._http.ws_connect(self._url, headers=self._headers)
        assert (await self.receive()).startswith("0{")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._socket.close()
        await self._http.close()

    async def send(self, frame: str) -> None:
        await self._socket.send_str(frame)

    async def receive(self) -> str:
        """Return the next frame that is no heartbeat."""
        while True:
            frame: str = await asyncio.wait_for(self._socket.receive_str(), 10)
            if frame != "2":
                return frame
            await self._socket.send_str("3")

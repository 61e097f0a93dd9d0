"""WebSockets as RFC 6455 has them, over raw bytes: read fast here, or else by the library."""

from __future__ import annotations

import asyncio
import base64
import socket
from collections.abc import AsyncIterator

import pytest
from websockets.frames import Close, Frame, Opcode
from websockets.protocol import Protocol, Side

from tests.server.test_engine import ROOM, Own, serve

HANDSHAKE = {
    "Host": "localhost",
    "Connection": "keep-alive, Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": base64.b64encode(bytes(16)).decode(),
}
OPEN = "/socket.io/?EIO=4&transport=websocket"


class Wire:
    """A client's end of a connection, which can send what no well-behaved client would."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.library = Protocol(Side.CLIENT)
        self.frames: list[Frame] = []

    @classmethod
    async def connect(cls, own: Own, receive_buffer: int = 0) -> Wire:
        host, port = own.url.removeprefix("http://").split(":")
        end = socket.socket()
        if receive_buffer:
            end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        end.setblocking(False)
        await asyncio.get_running_loop().sock_connect(end, (host, int(port)))
        return cls(*await asyncio.open_connection(sock=end))

    async def shake_hands(self, path: str = OPEN, **headers: str | None) -> bytes:
        """Send a request, and return the head of the answer."""
        changed = {name.replace("_", "-"): value for name, value in headers.items()}
        lines = [f"{n}: {v}\r\n" for n, v in {**HANDSHAKE, **changed}.items() if v is not None]
        self.writer.write(f"GET {path} HTTP/1.1\r\n{''.join(lines)}\r\n".encode())
        return await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), 5)

    def send(self, *frames: Frame, at_once: int = 0) -> None:
        """Send frames in one write, or so many bytes at once, each in a segment of its own."""
        data = b"".join(one.serialize(mask=True) for one in frames)
        for start in range(0, len(data), at_once or len(data)):
            self.writer.write(data[start : start + (at_once or len(data))])

    async def hear(self) -> Frame:
        while not self.frames:
            # Long enough for a server that was held up, which then waits anew for the silent.
            data = await asyncio.wait_for(self.reader.read(65536), 20)
            if not data:
                raise EOFError
            self.library.receive_data(data)
            for one in self.library.events_received():
                assert isinstance(one, Frame)
                if one.data != b"2":  # a heartbeat comes when it will
                    self.frames.append(one)
        return self.frames.pop(0)

    async def hear_pong(self) -> None:
        """Wait until an event that was said last has been answered."""
        while b'["pong"]' not in (await self.hear()).data:
            pass

    async def hear_close(self) -> int:
        """Return the code that the server closes with."""
        while True:
            one = await self.hear()
            if one.opcode is Opcode.CLOSE:
                return int(Close.parse(one.data).code)


def text(data: str | bytes, fin: bool = True) -> Frame:
    return Frame(Opcode.TEXT, data.encode() if isinstance(data, str) else data, fin)


def more(data: str, fin: bool = True) -> Frame:
    return Frame(Opcode.CONT, data.encode(), fin)


PING = text(f'42{ROOM},["ping"]')


@pytest.fixture
async def own() -> AsyncIterator[Own]:
    async with serve() as own:
        yield own


@pytest.fixture
async def wire(own: Own) -> AsyncIterator[Wire]:
    wire = await Wire.connect(own)
    assert b" 101 " in await wire.shake_hands()
    wire.send(text(f"40{ROOM},"))
    while b"welcome" not in (await wire.hear()).data:
        pass
    yield wire
    wire.writer.close()


# --- the handshake --------------------------------------------------------------------------------


async def test_a_handshake_is_answered_with_its_key(own: Own) -> None:
    wire = await Wire.connect(own)
    answer = await wire.shake_hands()
    # The key of sixteen noughts, as RFC 6455 has it hashed.
    assert b"Sec-WebSocket-Accept: ICX+Yqv66kxgM0FcWaLWlFLwTAI=\r\n" in answer
    assert bytes((await wire.hear()).data).startswith(b'0{"sid":')
    wire.writer.close()


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        (OPEN, {"Sec_WebSocket_Version": "12"}, b"400"),
        (OPEN, {"Sec_WebSocket_Version": None}, b"400"),
        (OPEN, {"Sec_WebSocket_Key": "short"}, b"400"),
        (OPEN, {"Sec_WebSocket_Key": None}, b"400"),
        ("/socket.io/?EIO=3&transport=websocket", {}, b"400"),
        ("/socket.io/?EIO=4&transport=websocket&sid=nobody", {}, b"400"),
        ("/elsewhere?EIO=4&transport=websocket", {}, b"404"),
    ],
)
async def test_a_handshake_that_makes_no_sense_is_refused(
    own: Own, path: str, headers: dict[str, str | None], status: bytes
) -> None:
    wire = await Wire.connect(own)
    assert (await wire.shake_hands(path, **headers)).startswith(b"HTTP/1.1 " + status)
    await asyncio.wait_for(wire.reader.read(), 5)
    assert wire.reader.at_eof() and not own.sio.eio.sockets
    wire.writer.close()


# --- what is read ---------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [0, 1, 100, 125, 126, 127, 900])
async def test_a_text_of_any_length_is_read(own: Own, wire: Wire, length: int) -> None:
    wire.send(text(f'42{ROOM},["{"ü" * (length // 2)}"]'), PING)
    await wire.hear_pong()
    assert own.seen == ["ü" * (length // 2), "ping"]


async def test_many_texts_in_one_write_are_read_in_order(own: Own, wire: Wire) -> None:
    wire.send(*(text(f'42{ROOM},["{number}"]') for number in range(500)), PING)
    await wire.hear_pong()
    assert own.seen == [*map(str, range(500)), "ping"]


@pytest.mark.parametrize("at_once", [1, 7, 64])
async def test_texts_in_pieces_are_put_together(own: Own, wire: Wire, at_once: int) -> None:
    for number in range(5):
        for piece in text(f'42{ROOM},["{number}"]').serialize(mask=True), PING.serialize(mask=True):
            for start in range(0, len(piece), at_once):
                wire.writer.write(piece[start : start + at_once])
                # Each on its way before the next: else the kernel would join them again.
                await asyncio.sleep(0.001)
        await wire.hear_pong()
    assert own.seen == [event for number in range(5) for event in (str(number), "ping")]


async def test_fragments_with_a_ping_in_between_are_one_message(own: Own, wire: Wire) -> None:
    wire.send(
        text(f"42{ROOM},", fin=False),
        Frame(Opcode.PING, b"there?"),
        more('["pi', fin=False),
        more('ng"]'),
    )
    pong = await wire.hear()
    assert (pong.opcode, pong.data) == (Opcode.PONG, b"there?")
    await wire.hear_pong()
    wire.send(PING)
    await wire.hear_pong()
    assert own.seen == ["ping", "ping"]


async def test_a_binary_message_in_fragments_is_an_attachment(own: Own, wire: Wire) -> None:
    wire.send(
        text(f'451-{ROOM},["x",{{"_placeholder":true,"num":0}}]'),
        Frame(Opcode.BINARY, b"a", fin=False),
        Frame(Opcode.CONT, b"b"),
        PING,
    )
    await wire.hear_pong()
    assert own.seen == ["x", "ping"]


# --- what ends it ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("frames", "code"),
    [
        ([text(b"4\xff\xfe")], 1007),
        ([text(b"4\xff", fin=False), Frame(Opcode.CONT, b"\xfe")], 1007),
        ([more("nothing before it")], 1002),
        ([text("4" + "x" * 1001)], 1009),
        ([text("4" + "x" * 600, fin=False), more("x" * 600)], 1009),
    ],
)
async def test_what_breaks_the_protocol_closes_with_its_code(
    own: Own, wire: Wire, frames: list[Frame], code: int
) -> None:
    wire.send(*frames)
    assert await wire.hear_close() == code
    assert await own.ends() == "transport error"


@pytest.mark.parametrize(
    "frame",
    [
        pytest.param(PING.serialize(mask=False), id="no mask"),
        pytest.param(b"\xc1\x81" + bytes(4) + b"4", id="compressed"),
        pytest.param(b"\x83\x81" + bytes(4) + b"4", id="unknown opcode"),
    ],
)
async def test_a_frame_that_is_none_closes(own: Own, wire: Wire, frame: bytes) -> None:
    wire.writer.write(frame)
    assert await wire.hear_close() == 1002
    assert await own.ends() == "transport error"


async def test_a_close_frame_is_answered_and_the_connection_ends(own: Own, wire: Wire) -> None:
    wire.send(Frame(Opcode.CLOSE, Close(1001, "away").serialize()))
    assert await wire.hear_close() == 1001
    with pytest.raises(EOFError):
        await wire.hear()
    assert await own.ends() == "transport close"


async def test_a_close_of_ours_waits_for_the_answer(own: Own, wire: Wire) -> None:
    await own.sio.shutdown()
    assert (await wire.hear()).opcode is Opcode.CLOSE
    wire.send(PING)  # on its way already: nobody listens any more
    wire.send(Frame(Opcode.CLOSE, b""))
    # Not one more byte: Chromium calls a second close frame an error.
    assert await asyncio.wait_for(wire.reader.read(), 5) == b""
    assert own.seen == ["server disconnect"]


async def test_answers_that_nobody_asked_for_cost_nothing(own: Own, wire: Wire) -> None:
    wire.send(*[text("3")] * 1000, PING)
    await wire.hear_pong()
    heartbeat = own.sio.eio.heartbeat
    assert len(heartbeat._to_ping) + len(heartbeat._to_answer) <= 1


async def test_whoever_answers_lives_and_whoever_does_not_is_gone() -> None:
    async with serve(ping_interval=0.4, ping_timeout=2) as own:
        wire = await Wire.connect(own)
        await wire.shake_hands()
        wire.send(text(f"40{ROOM},"))
        heard = 0
        while heard < 3:
            data = await asyncio.wait_for(wire.reader.read(65536), 5)
            heard += data.count(b"\x81\x012")
            wire.send(text("3"))
        await wire.hear_close()
        assert await own.ends() == "ping timeout"
        wire.writer.close()

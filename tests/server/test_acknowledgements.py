"""What a client hears that asks for an acknowledgement: of every event, in order, exactly once."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest

from presence_progress.server import namespaces
from tests.server.clients import HAS_NPM, MISSING, NPM_NEWEST, Frames, Kind, Node, Socket
from tests.server.conftest import NAMESPACE, SITE, Client, Connect, Process, Stack, session_of
from tests.server.faults import PERMISSION, Faults

EDITOR, NOBODY = "editor@example.com", "no-access@example.com"
ORIGIN = "http://127.0.0.1:8000"

with_each_transport = pytest.mark.parametrize("transport", ["websocket", "polling"])


async def call(client: Client, event: str, *arguments: Any) -> Any:
    """Return an acknowledgement's one argument, or None when it has none."""
    return await client.socket.call(event, arguments or None, NAMESPACE, timeout=15)


@with_each_transport
async def test_an_event_is_acknowledged_with_nothing_or_with_what_went_wrong(
    server: Process, sign_in: Connect, transport: str
) -> None:
    editor, nobody = [await sign_in(user, server, transport) for user in (EDITOR, NOBODY)]
    airport = {"doctype": "Airport", "name": "KJFK"}
    assert await call(editor, "ping") is None
    assert await call(editor, "doc_subscribe", "Airport", "KJFK") is None
    assert await call(editor, "room_watch", "presence:Airport/KJFK") is None
    assert await call(editor, "presence_enter", airport) is None
    assert await call(editor, "presence_list", {"doctype": "Airport", "names": ["KJFK"]}) is None
    assert await call(nobody, "doc_subscribe", "Airport", "KJFK") == {"error": "not permitted"}
    assert await call(nobody, "doctype_subscribe", "Airport") == {"error": "not permitted"}
    assert await call(nobody, "doc_open", "Airport", "KJFK") == {"error": "not permitted"}
    assert await call(nobody, "presence_enter", airport) == {"error": "may not enter"}
    assert await call(nobody, "task_cancel", "no-such") == {"error": "may not cancel"}
    assert await call(nobody, "room_watch", "nonsense") == {"error": "no such room"}
    assert await call(nobody, "no_such_event", 1) == {"error": "no such event"}
    assert (await call(nobody, "doc_subscribe", "Airport", [])).keys() == {"error"}
    # Beside the acknowledgement, rooms are denied as ever.
    denied = [message["reason"] for event, message in nobody.heard if event == "room_denied"]
    assert denied == ["may not enter", "may not cancel", "no such room"]


@with_each_transport
async def test_a_binary_event_is_acknowledged(
    server: Process, sign_in: Connect, transport: str
) -> None:
    editor = await sign_in(EDITOR, server, transport)
    assert await call(editor, "ping", b"\x00\xff") is None
    assert await call(editor, "no_such_event", [b"a", b"b"]) == {"error": "no such event"}


@pytest.mark.skipif(not HAS_NPM, reason=MISSING)
@with_each_transport
async def test_npms_client_is_acknowledged(stack: Stack, server: Process, transport: str) -> None:
    node = await Node.start(NPM_NEWEST)
    headers = {"cookie": f"sid={await session_of(stack, NOBODY)}", "origin": ORIGIN}
    options = {"transports": [transport], "extraHeaders": headers}
    browser: Socket = node.open(Kind(NPM_NEWEST, transport), NOBODY, SITE, server.url, options)
    await browser.wait_until("connect")
    await browser.ask("ping", {"type": "Buffer", "data": [0, 255]})
    await browser.ask("doc_subscribe", "Airport", "KJFK")
    await browser.ask("no_such_event")
    await browser.wait_until("ack", lambda said: said == {"error": "no such event"})
    assert browser.lived("ack") == [[], [{"error": "not permitted"}], [{"error": "no such event"}]]
    await browser.close()
    await node.close()


async def test_acknowledgements_come_in_the_order_of_the_events(
    guarded: Process, faults: Faults, sign_in: Connect
) -> None:
    editor = await sign_in(EDITOR, guarded)
    acknowledged: list[int] = []
    async with faults.held(*PERMISSION):
        for number in range(30):
            event, arguments = [
                ("doc_subscribe", ("Airport", f"K{number}")),
                ("ping", None),
                ("no_such_event", None),
            ][number % 3]
            await editor.socket.emit(
                event, arguments, NAMESPACE, lambda *_, n=number: acknowledged.append(n)
            )
        await faults.wait_asked(*PERMISSION)
    assert await call(editor, "ping") is None
    assert acknowledged == list(range(30))


# --- by hand --------------------------------------------------------------------------------------


def frames_of(server: Process) -> Frames:
    return Frames(server.url, {"Cookie": "sid=Guest", "Origin": ORIGIN})


@pytest.mark.parametrize(("asked", "answered"), [("0", 0), ("007", 7), (str(2**53 - 1),) * 2])
async def test_an_id_is_answered_as_the_number_that_it_is(
    server: Process, asked: str, answered: Any
) -> None:
    async with frames_of(server) as frames:
        await frames.send(f"40{NAMESPACE},")
        await frames.receive()
        await frames.send(f'42{NAMESPACE},{asked}["ping"]')
        assert await frames.receive() == f'42{NAMESPACE},["pong"]'
        assert await frames.receive() == f"43{NAMESPACE},{answered}[]"
        await frames.send(f"42{NAMESPACE},{asked}[7]")  # an event may be called by a number
        error = '[{"error":"no such event"}]'
        assert await frames.receive() == f"43{NAMESPACE},{answered}{error}"


async def test_an_event_whose_text_is_no_unicode_is_acknowledged_too(server: Process) -> None:
    async with frames_of(server) as frames:
        await frames.send(f"40{NAMESPACE},")
        await frames.receive()
        await frames.send(f'42{NAMESPACE},5["ping","\\ud83d"]')
        assert await frames.receive() == f'43{NAMESPACE},5[{{"error":"invalid Unicode"}}]'


@pytest.mark.parametrize("asked", [str(2**53), "9" * 99, "9" * 101, "-1", "1.5", "²", "1e3"])
async def test_an_id_that_no_client_can_mean_ends_the_connection(
    server: Process, asked: str
) -> None:
    async with frames_of(server) as frames:
        await frames.send(f"40{NAMESPACE},")
        await frames.receive()
        await frames.send(f'42{NAMESPACE},{asked}["ping"]')
        assert (await frames._socket.receive(timeout=10)).type is aiohttp.WSMsgType.CLOSE


async def test_a_session_that_has_ended_acknowledges_nothing(
    guarded: Process, faults: Faults, stack: Stack
) -> None:
    headers = {"Cookie": f"sid={await session_of(stack, EDITOR)}", "Origin": ORIGIN}
    async with Frames(guarded.url, headers) as frames:
        await frames.send(f"40{NAMESPACE},")
        await frames.receive()
        async with faults.held(*PERMISSION):
            await frames.send(f'42{NAMESPACE},1["doc_subscribe","Airport","KJFK"]')
            await frames.send(f'42{NAMESPACE},2["ping"]')
            await faults.wait_asked(*PERMISSION)
            await frames.send(f"41{NAMESPACE},")
            await frames.send(f"40{NAMESPACE},")
            assert (await frames.receive()).startswith(f"40{NAMESPACE},")
        await frames.send(f'42{NAMESPACE},3["doc_subscribe","Airport","KJFK"]')
        assert await frames.receive() == f"43{NAMESPACE},3[]"


@pytest.mark.parametrize("packet", ["2", "212", "2/a,12", "2/a,1", "2/a", '2/a,12"x"', "2/a,-1[]"])
def test_an_id_without_an_event_is_no_event(packet: str) -> None:
    assert namespaces._read_event(packet) is None

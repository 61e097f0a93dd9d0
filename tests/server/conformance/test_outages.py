"""Frappe slow, broken or away, and the server restarted: what a stock page, which tries three times
to come back, lives through. §2.3 and §3.3 of Frappe's contract."""

from __future__ import annotations

import contextlib

import pytest

from tests.server.clients import NPM_FRAPPE, Kind, Node, Socket
from tests.server.conformance.conftest import (
    EDITOR,
    NOBODY,
    PYTHON_WEBSOCKET,
    VIEWER,
    Bench,
    Doc,
    Open,
    StartServer,
    is_there,
    room_of,
    with_npm,
)
from tests.server.conftest import SITE
from tests.server.faults import PERMISSION, SPOILT, Faults, answer, hang

pytestmark = pytest.mark.asyncio(loop_scope="session")

STOCK = Kind(NPM_FRAPPE, "upgrade")
"""What Frappe's own page uses."""


def was_never_refused(socket: Socket) -> bool:
    """Return whether a stock client would have gone on trying: a refused one never does."""
    return socket.lived("connect_error") == [] and "io server disconnect" not in str(socket.life)


# --- at connect ----------------------------------------------------------------------------------


async def in_trouble(
    bench: Bench, faults: Faults, open_socket: Open, kind: Kind, name: str
) -> None:
    """Connect while Frappe is in trouble, and be connected once it is not any more."""
    sid = await bench.session_of(EDITOR)
    with faults.during("get_user_info", fault=SPOILT[name]):
        editor = await open_socket(kind, EDITOR, sid=sid, wait=False)
        await faults.wait_asked("get_user_info")
    await is_there(editor)
    assert was_never_refused(editor)
    assert await bench.reaches("all", editor)


@pytest.mark.parametrize("name", SPOILT)
@pytest.mark.parametrize("kind", [PYTHON_WEBSOCKET, pytest.param(STOCK, marks=with_npm)], ids=str)
async def test_while_frappe_is_in_trouble_nobody_is_refused(
    bench: Bench, faults: Faults, open_socket: Open, kind: Kind, name: str
) -> None:
    """§2.3 failure: a refusal is for good, so a technical one must be none."""
    await in_trouble(bench, faults, open_socket, kind, name)


async def test_while_frappe_is_in_trouble_no_kind_of_client_is_refused(
    bench: Bench, faults: Faults, open_socket: Open, kind: Kind
) -> None:
    """§2.3 failure, for every client and way."""
    await in_trouble(bench, faults, open_socket, kind, "503")


async def test_while_frappe_is_down_nobody_is_refused(
    bench: Bench, faults: Faults, open_socket: Open, every_kind: list[Kind]
) -> None:
    """§2.3 failure: no connection to Frappe, as while a bench restarts its web workers."""
    sids = [await bench.session_of(EDITOR) for _ in every_kind]
    async with faults.away():
        sockets = [
            await open_socket(kind, EDITOR, sid=sid, wait=False)
            for kind, sid in zip(every_kind, sids, strict=True)
        ]
        await faults.wait_cut_off(1)
    for socket in sockets:
        await is_there(socket)
    assert [str(socket.kind) for socket in sockets if not was_never_refused(socket)] == []
    for socket in sockets:
        assert await bench.reaches("all", socket)


async def test_a_frappe_that_is_slow_is_waited_for(
    bench: Bench, faults: Faults, connect: Open
) -> None:
    """§2.3 identity call: connected with the answer, whenever it comes."""
    async with faults.held("get_user_info"):
        editor = await connect(EDITOR, wait=False)
        await faults.wait_asked("get_user_info")
        assert not editor.lived("connect")
    await is_there(editor)
    assert was_never_refused(editor)


async def test_one_question_that_hangs_keeps_nobody_else_waiting(
    bench: Bench, faults: Faults, open_socket: Open
) -> None:
    """§2.3: each connection waits for its own answer."""
    faults.once("get_user_info", fault=hang)
    slow = await open_socket(PYTHON_WEBSOCKET, VIEWER, wait=False)
    await faults.wait_asked("get_user_info")
    editor = await open_socket(PYTHON_WEBSOCKET, EDITOR)
    assert await bench.reaches("all", editor)
    assert not slow.lived("connect")


async def test_who_gives_up_while_frappe_is_asked_harms_nobody(
    bench: Bench, faults: Faults, open_socket: Open
) -> None:
    """§9g: the client may be gone when the answer comes."""
    async with faults.held("get_user_info"):
        gone = await open_socket(PYTHON_WEBSOCKET, VIEWER, wait=False)
        await faults.wait_asked("get_user_info")
        await gone.close()
    editor = await open_socket(PYTHON_WEBSOCKET, EDITOR)
    assert await bench.reaches("all", editor)


# --- at a permission -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", SPOILT)
async def test_a_permission_that_frappe_failed_to_answer_is_asked_again(
    bench: Bench, faults: Faults, open_socket: Open, name: str, doc: Doc
) -> None:
    """§2.5 permission check: an error is no answer, and a stock page subscribes only once."""
    viewer = await open_socket(PYTHON_WEBSOCKET, VIEWER)
    faults.once(*PERMISSION, fault=SPOILT[name])
    await viewer.say("doc_subscribe", *doc)
    await faults.wait_asked(*PERMISSION, count=2)
    await viewer.settle()
    assert await bench.reaches(room_of(doc), viewer)


async def test_every_kind_of_client_is_joined_after_a_failed_permission(
    bench: Bench, faults: Faults, connect: Open, doc: Doc
) -> None:
    """§2.5 permission check, for every client and way."""
    viewer = await connect(VIEWER)
    faults.once(*PERMISSION, fault=SPOILT["500"])
    await viewer.say("doc_subscribe", *doc)
    await faults.wait_asked(*PERMISSION, count=2)
    await viewer.settle()
    assert await bench.reaches(room_of(doc), viewer) and viewer.is_connected


async def test_a_no_is_not_asked_again(
    bench: Bench, faults: Faults, open_socket: Open, doc: Doc
) -> None:
    """§2.5: on deny silently nothing; 403 is an answer."""
    nobody = await open_socket(PYTHON_WEBSOCKET, NOBODY)
    await nobody.say("doc_subscribe", *doc)
    await nobody.settle()
    assert [question.status for question in faults.asked(*PERMISSION)] == [403]
    assert not await bench.reaches(room_of(doc), nobody)


@pytest.mark.parametrize("body", ['{"message": false}', '{"message": null}', "{}"])
async def test_only_a_yes_is_a_yes(
    bench: Bench, faults: Faults, open_socket: Open, body: str, doc: Doc
) -> None:
    """§1.5: the answer is ``true``."""
    viewer = await open_socket(PYTHON_WEBSOCKET, VIEWER)
    with faults.during(*PERMISSION, fault=answer(body=body)):
        await viewer.say("doc_subscribe", *doc)
        await faults.wait_asked(*PERMISSION)
        await viewer.settle()
        assert not await bench.reaches(room_of(doc), viewer)


async def test_twenty_sockets_of_one_user_ask_one_question(
    bench: Bench, faults: Faults, open_socket: Open, doc: Doc
) -> None:
    """§0.1: permission is one HTTP call per subscribe upstream; here one question in flight."""
    sid = await bench.session_of(VIEWER)
    sockets = [await open_socket(PYTHON_WEBSOCKET, VIEWER, sid=sid) for _ in range(20)]
    other = await open_socket(PYTHON_WEBSOCKET, EDITOR)
    async with faults.held(*PERMISSION):
        for socket in sockets:
            await socket.say("doc_subscribe", *doc)
        await faults.wait_asked(*PERMISSION)
        # Said after all of those, by somebody who waits for nothing: they have arrived.
        await other.settle()
        await other.settle()
        assert len(faults.asked(*PERMISSION)) == 1
    for socket in sockets:
        await socket.settle()
        assert await bench.reaches(room_of(doc), socket)
    assert len(faults.asked(*PERMISSION)) == 1


async def test_a_permission_that_hangs_keeps_nobody_else_waiting(
    bench: Bench, faults: Faults, open_socket: Open, doc: Doc
) -> None:
    """§2.5 permission check: as that user, and for that user."""
    viewer = await open_socket(PYTHON_WEBSOCKET, VIEWER)
    editor = await open_socket(PYTHON_WEBSOCKET, EDITOR)
    async with faults.held(*PERMISSION):
        await viewer.say("doc_subscribe", *doc)
        await faults.wait_asked(*PERMISSION)
        await editor.say("task_subscribe", "quick")
        await editor.settle()
        assert await bench.reaches("task_progress:quick", editor)
        assert await bench.reaches(f"user:{VIEWER}", viewer)


# --- the server itself ---------------------------------------------------------------------------


async def test_a_stock_page_outlives_a_restart_of_the_server(
    bench: Bench,
    open_socket: Open,
    nodes: dict[str, Node],
    start_server: StartServer,
    every_kind: list[Kind],
) -> None:
    """§3.3 trap 5: three tries, 1, 2 and 4 seconds apart; §6.3: restart within a few seconds."""
    server = start_server(default_site=SITE)
    sockets = [await open_socket(kind, EDITOR, to=server) for kind in every_kind]
    for socket in sockets:
        socket.forget()
    server.stop()
    told = {str(socket.kind): await socket.wait_until("disconnect") for socket in sockets}
    # "io server disconnect" would be for good: a stock client does not come back from it.
    assert set(told.values()) <= {"transport close", "transport error"}, told
    with contextlib.ExitStack() as held_up:
        # A start is slow on a busy machine, and three tries are soon over: npm's clients wait as
        # python-socketio's do, whose event loop this is.
        for node in nodes.values():
            held_up.enter_context(node.held_up())
        server.start()
    for socket in sockets:
        await socket.wait_until("connect")
    assert [str(socket.kind) for socket in sockets if socket.lived("reconnect_failed")] == []
    for socket in sockets:
        assert await bench.reaches("all", socket)

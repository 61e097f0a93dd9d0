"""Who is looking at a document: §2.6 of Frappe's contract, and §9's traps around it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.server.clients import KINDS, Socket
from tests.server.conformance.conftest import (
    CUSTOMER,
    EDITOR,
    NOBODY,
    PYTHON_WEBSOCKET,
    SITES,
    V15,
    V16,
    VIEWER,
    Bench,
    Doc,
    Open,
    room_of,
    with_npm,
)
from tests.server.conftest import Process
from tests.server.faults import PERMISSION, Faults

pytestmark = pytest.mark.asyncio(loop_scope="session")

ADMINISTRATOR = "Administrator"


def about(doc: Doc, *users: str) -> Any:
    """Return what matches a doc_viewers of this document with these users, each once."""

    def matches(message: Any) -> bool:
        return bool(
            message["doctype"] == doc[0]
            and message["docname"] == doc[1]
            and sorted(message["users"]) == sorted(users)
        )

    return matches


async def see(doc: Doc, *sockets: Socket, users: tuple[str, ...]) -> None:
    """Wait until each of the sockets has been told of exactly these viewers."""
    for socket in sockets:
        await socket.wait_for("doc_viewers", about(doc, *users))


async def opened(doc: Doc, *sockets: Socket) -> None:
    """Open a document on each, one after the other."""
    for socket in sockets:
        await socket.say("doc_open", *doc)
        await socket.settle()


async def test_all_who_have_a_document_open_are_told_who_has(connect: Open, doc: Doc) -> None:
    """§2.6: to everyone in the open_doc room ``{doctype, docname, users}``, and no other key."""
    editor, viewer, outsider = await connect(EDITOR), await connect(VIEWER), await connect(EDITOR)
    await opened(doc, editor, viewer)
    await see(doc, editor, viewer, users=(EDITOR, VIEWER))
    for message in editor.messages("doc_viewers") + viewer.messages("doc_viewers"):
        assert set(message) == {"doctype", "docname", "users"}
    await outsider.settle()
    assert outsider.events() == []


async def test_a_user_with_two_tabs_is_named_once(connect: Open, doc: Doc) -> None:
    """§2.6: unique user ids; §9l."""
    first, second, viewer = await connect(EDITOR), await connect(EDITOR), await connect(VIEWER)
    await opened(doc, first, second, viewer)
    await see(doc, first, second, viewer, users=(EDITOR, VIEWER))
    for socket in (first, second, viewer):
        for message in socket.messages("doc_viewers"):
            assert len(message["users"]) == len(set(message["users"]))
    viewer.forget()
    await first.say("doc_close", *doc)
    await first.settle()
    await second.say("doc_open", *doc)
    await second.settle()
    await viewer.settle()
    # The other tab still has it open.
    for message in viewer.messages("doc_viewers"):
        assert sorted(message["users"]) == [EDITOR, VIEWER]


async def test_a_lone_viewer_is_told_nothing(connect: Open, doc: Doc) -> None:
    """§2.6: not sent when the one socket in the room belongs to the acting user."""
    editor = await connect(EDITOR)
    await opened(doc, editor)
    await editor.say("doc_open", *doc)
    await editor.say("doc_close", *doc)
    await editor.settle()
    assert editor.events() == []


async def test_who_closes_a_document_is_no_viewer_any_more(
    bench: Bench, connect: Open, doc: Doc
) -> None:
    """§2.5 doc_close: leave the room, tell the others; who has left is told nothing more."""
    editor, viewer = await connect(EDITOR), await connect(VIEWER)
    await opened(doc, editor, viewer)
    await see(doc, editor, viewer, users=(EDITOR, VIEWER))
    editor.forget()
    viewer.forget()
    await viewer.say("doc_close", *doc)
    await see(doc, editor, users=(EDITOR,))
    await viewer.settle()
    assert viewer.events() == []
    assert not await bench.reaches(room_of(doc, "open_doc"), viewer)
    assert await bench.reaches(room_of(doc, "open_doc"), editor)


async def test_who_says_goodbye_is_no_viewer_any_more(
    connect: Open, doc: Doc, other_doc: Doc
) -> None:
    """§2.5 disconnect: broadcast for each document; §9b: the departed is not among the users."""
    editor, viewer = await connect(EDITOR), await connect(VIEWER)
    await opened(doc, editor, viewer)
    await opened(other_doc, editor, viewer)
    await see(other_doc, editor, users=(EDITOR, VIEWER))
    editor.forget()
    await viewer.disconnect()
    await see(doc, editor, users=(EDITOR,))
    await see(other_doc, editor, users=(EDITOR,))
    for message in editor.messages("doc_viewers"):
        assert VIEWER not in message["users"]


async def test_who_goes_on_to_another_document_of_a_doctype_has_left_the_first(
    connect: Open, doc: Doc, next_doc: Doc
) -> None:
    """Stock Desk says nothing then, and Node's viewers stay for ever; our own books know."""
    editor, viewer = await connect(EDITOR), await connect(VIEWER)
    await opened(doc, editor, viewer)
    await see(doc, editor, users=(EDITOR, VIEWER))
    editor.forget()
    await viewer.say("doc_open", *next_doc)
    await see(doc, editor, users=(EDITOR,))
    editor.forget()
    await opened(doc, viewer)
    await see(doc, editor, users=(EDITOR, VIEWER))


async def test_closing_one_document_forgets_only_that_one(
    connect: Open, doc: Doc, other_doc: Doc
) -> None:
    """§2.6: Node forgets all of a socket's documents on doc_close, and leaves ghosts."""
    editor, viewer = await connect(EDITOR), await connect(VIEWER)
    await opened(doc, editor, viewer)
    await opened(other_doc, editor, viewer)
    await viewer.say("doc_close", *doc)
    await see(doc, editor, users=(EDITOR,))
    editor.forget()
    await viewer.disconnect()
    await see(other_doc, editor, users=(EDITOR,))


async def test_opening_again_changes_nothing(connect: Open, doc: Doc) -> None:
    """§3.1: a stock page says doc_open at every refresh of a form."""
    editor, viewer = await connect(EDITOR), await connect(VIEWER)
    await opened(doc, editor, viewer)
    for _ in range(5):
        await opened(doc, editor)
    await see(doc, editor, viewer, users=(EDITOR, VIEWER))
    viewer.forget()
    await editor.say("doc_close", *doc)
    await see(doc, viewer, users=(VIEWER,))


async def test_three_viewers_come_and_go(connect: Open, doc: Doc) -> None:
    """§2.6: each change of the viewers is told to those who remain."""
    editor, viewer, admin = (
        await connect(EDITOR),
        await connect(VIEWER),
        await connect(ADMINISTRATOR),
    )
    await opened(doc, editor, viewer, admin)
    await see(doc, editor, viewer, admin, users=(EDITOR, VIEWER, ADMINISTRATOR))
    await editor.say("doc_close", *doc)
    await see(doc, viewer, admin, users=(VIEWER, ADMINISTRATOR))
    await admin.say("doc_close", *doc)
    await see(doc, viewer, users=(VIEWER,))


@pytest.mark.parametrize("user", [NOBODY, "Guest"])
async def test_who_may_not_read_is_no_viewer(connect: Open, user: str, doc: Doc) -> None:
    """§2.5 doc_open: doc read."""
    editor, denied = await connect(EDITOR), await connect(user)
    await opened(doc, denied, editor)
    viewer = await connect(VIEWER)
    await opened(doc, viewer)
    await see(doc, editor, users=(EDITOR, VIEWER))
    await denied.settle()
    assert denied.events() == []
    for message in editor.messages("doc_viewers") + viewer.messages("doc_viewers"):
        assert user not in message["users"]


async def test_website_users_are_viewers_too(open_socket: Open, doc: Doc) -> None:
    """§2.5 doc_open: whoever may read."""
    editor = await open_socket(PYTHON_WEBSOCKET, EDITOR)
    customer = await open_socket(PYTHON_WEBSOCKET, CUSTOMER)
    await opened(doc, editor, customer)
    await see(doc, editor, customer, users=(EDITOR, CUSTOMER))


@pytest.mark.parametrize("frappe", SITES)
async def test_viewers_are_told_whatever_the_frappe(
    open_socket: Open, frappe: str, doc: Doc
) -> None:
    """§2.6 for v15, v16 and develop."""
    editor = await open_socket(PYTHON_WEBSOCKET, EDITOR, SITES[frappe])
    viewer = await open_socket(PYTHON_WEBSOCKET, VIEWER, SITES[frappe])
    await opened(doc, editor, viewer)
    await see(doc, editor, viewer, users=(EDITOR, VIEWER))
    await viewer.say("doc_close", *doc)
    await see(doc, editor, users=(EDITOR,))


async def test_the_same_document_of_two_sites_is_not_the_same(open_socket: Open, doc: Doc) -> None:
    """§2.6: the room is one of the site's namespace."""
    here = await open_socket(PYTHON_WEBSOCKET, EDITOR, V16)
    there = await open_socket(PYTHON_WEBSOCKET, VIEWER, V15)
    await opened(doc, here, there)
    await here.settle()
    assert here.events() == [] and there.events() == []


async def test_viewers_are_right_across_two_servers(
    connect: Open, server: Process, other_server: Process, doc: Doc
) -> None:
    """§9i: what one process knows of its sockets is not enough."""
    editor, viewer = await connect(EDITOR, to=server), await connect(VIEWER, to=other_server)
    again = await connect(EDITOR, to=other_server)
    await opened(doc, editor, viewer, again)
    await see(doc, editor, viewer, again, users=(EDITOR, VIEWER))
    viewer.forget()
    await again.say("doc_close", *doc)
    await again.settle()
    await viewer.say("doc_open", *doc)
    await viewer.settle()
    for message in viewer.messages("doc_viewers"):
        assert sorted(message["users"]) == [EDITOR, VIEWER]
    viewer.forget()
    await editor.say("doc_close", *doc)
    await see(doc, viewer, users=(VIEWER,))


async def test_who_leaves_one_server_by_goodbye_is_gone_on_the_other(
    connect: Open, server: Process, other_server: Process, doc: Doc
) -> None:
    """§2.5 disconnect, §9i."""
    editor, viewer = await connect(EDITOR, to=server), await connect(VIEWER, to=other_server)
    await opened(doc, editor, viewer)
    await see(doc, editor, users=(EDITOR, VIEWER))
    editor.forget()
    await viewer.disconnect()
    await see(doc, editor, users=(EDITOR,))


# --- while Frappe takes its time -----------------------------------------------------------------


async def test_an_open_and_the_close_behind_it_leave_no_ghost(
    bench: Bench, faults: Faults, connect: Open, doc: Doc
) -> None:
    """§9h: doc_open waits for Frappe, and must not finish after the doc_close behind it."""
    editor, viewer = await connect(EDITOR), await connect(VIEWER)
    await opened(doc, editor)
    asked = len(faults.asked(*PERMISSION))
    async with faults.held(*PERMISSION):
        await viewer.say("doc_open", *doc)
        await faults.wait_asked(*PERMISSION, count=asked + 1)
        await viewer.say("doc_close", *doc)
    await viewer.settle()
    await nobody_but(editor, connect, doc)
    assert not await bench.reaches(room_of(doc, "open_doc"), viewer)


async def test_who_leaves_while_frappe_is_asked_is_no_ghost(
    faults: Faults, connect: Open, doc: Doc
) -> None:
    """§9g: the client may be gone when the answer comes."""
    editor, viewer = await connect(EDITOR), await connect(VIEWER)
    await opened(doc, editor)
    asked = len(faults.asked(*PERMISSION))
    async with faults.held(*PERMISSION):
        await viewer.say("doc_open", *doc)
        await faults.wait_asked(*PERMISSION, count=asked + 1)
        await viewer.disconnect()
        await editor.settle()
    await nobody_but(editor, connect, doc)


async def nobody_but(editor: Socket, connect: Open, doc: Doc) -> None:
    """Let a third one open the document, and be told of whom there is: of two."""
    admin = await connect(ADMINISTRATOR)
    await opened(doc, admin)
    await admin.wait_for("doc_viewers")
    await see(doc, editor, admin, users=(EDITOR, ADMINISTRATOR))
    assert all(VIEWER not in message["users"] for message in admin.messages("doc_viewers"))


@with_npm
async def test_clients_of_every_kind_see_each_other(open_socket: Open, doc: Doc) -> None:
    """§2.6: one room, whatever the client and the transport of each."""
    users = [EDITOR, VIEWER, ADMINISTRATOR, CUSTOMER]
    sockets = [
        await open_socket(kind, users[number % len(users)]) for number, kind in enumerate(KINDS)
    ]
    await opened(doc, *sockets)
    await see(doc, *sockets, users=tuple(users))
    last = sockets.pop()
    for socket in sockets:
        await socket.say("doc_close", *doc)
    await see(doc, last, users=(last.user,))

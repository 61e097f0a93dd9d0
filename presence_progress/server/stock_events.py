"""What stock Frappe clients say, answered as Frappe's own server answers: silently, when it is
no."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

from presence_progress import keys, rooms
from presence_progress.room_rights import Document, may_enter, right_to_watch
from presence_progress.server.sessions import Handler, Session

EDITOR_CHANNEL = "open_in_editor"
"""Where Frappe's ``bench watch`` hears which line of which file a developer wants to see."""


def doc_subscribe(session: Session, doctype: str, name: str) -> Awaitable[bool] | None:
    return session.join_if_reader(f"doc:{doctype}/{name}", (doctype, name))


def doc_unsubscribe(session: Session, doctype: str, name: str) -> None:
    session.leave(f"doc:{doctype}/{name}")


def doctype_subscribe(session: Session, doctype: str) -> Awaitable[bool] | None:
    return session.join_if_reader(f"doctype:{doctype}", (doctype, ""))


def doctype_unsubscribe(session: Session, doctype: str) -> None:
    session.leave(f"doctype:{doctype}")


async def task_subscribe(session: Session, task_id: str) -> None:
    """Join a task's plain room. Frappe asks nobody; a task that we know is kept to its watchers."""
    task = (await session.snapshot(keys.task_room(task_id))).state
    right = right_to_watch(
        session.identity, keys.Room("task", task_id=task_id), task, session.rules
    )
    room = f"task_progress:{task_id}"
    if isinstance(right, tuple):
        await session.join_as_reader(room, right)
    elif right or not task:
        session.join(room)


def task_unsubscribe(session: Session, task_id: str) -> None:
    session.leave(f"task_progress:{task_id}")


async def doc_open(session: Session, doctype: str, name: str) -> None:
    """Become a viewer, and be told of the others at once."""
    document = doctype, name
    if not await session.join_as_reader(f"open_doc:{doctype}/{name}", document):
        return
    if session.rules.move:
        # Desk says nothing when it goes on to another document of the same DocType.
        for opened in [opened for opened in session.opened if opened[0] == doctype]:
            if opened != document:
                await _close(session, opened)
    if not may_enter(session.identity, session.rules):
        return
    # Our own client on the same page may have said more of itself already.
    if keys.presence_room(*document) not in session.presences:
        await session.enter(document)
    session.open_document(document)


async def doc_close(session: Session, doctype: str, name: str) -> None:
    await _close(session, (doctype, name))


async def _close(session: Session, document: Document) -> None:
    room = keys.presence_room(*document)
    session.leave("open_doc:{}/{}".format(*document))
    session.close_document(document)
    if room not in session.announced:
        await session.exit(room)


def ping(session: Session) -> None:
    session.send("pong")


async def open_in_editor(session: Session, place: Any = None, *_: Any) -> None:
    """Hand a file and a line to the developer's editor; only where somebody develops."""
    if session.services.developer_mode and not session.identity.is_guest:
        await session.services.redis.publish(EDITOR_CHANNEL, json.dumps(place))


def _texts(
    count: int, handle: Callable[..., Awaitable[Any] | None], *, asks: bool = False
) -> Handler:
    """Take ``count`` texts, as Frappe's clients send them; the first two name a document.

    Document names may be numbers. With ``asks`` the user must be able to read the document.
    """

    def read_and_handle(session: Session, *arguments: Any) -> Awaitable[Any] | None:
        texts = _read(arguments)
        if texts is None:
            raise rooms.BadField(f"takes {count} texts, got {arguments!r:.100}")
        return handle(session, *texts)

    def _read(arguments: tuple[Any, ...]) -> list[str] | None:
        texts = [
            str(argument) if isinstance(argument, int) else argument
            for argument in arguments[:count]
        ]
        is_good = len(texts) == count and all(isinstance(text, str) and text for text in texts)
        return texts if is_good else None

    def document(*arguments: Any) -> Document | None:
        texts = _read(arguments)
        return (texts[0], texts[1] if count > 1 else "") if texts else None

    return Handler(read_and_handle, document if asks else None)


EVENTS: dict[str, Handler] = {
    "doc_subscribe": _texts(2, doc_subscribe, asks=True),
    "doc_unsubscribe": _texts(2, doc_unsubscribe),
    "doctype_subscribe": _texts(1, doctype_subscribe, asks=True),
    "doctype_unsubscribe": _texts(1, doctype_unsubscribe),
    "task_subscribe": _texts(1, task_subscribe),
    "progress_subscribe": _texts(1, task_subscribe),
    "task_unsubscribe": _texts(1, task_unsubscribe),
    "doc_open": _texts(2, doc_open, asks=True),
    "doc_close": _texts(2, doc_close),
    "ping": _texts(0, ping),
    "open_in_editor": Handler(open_in_editor),
}

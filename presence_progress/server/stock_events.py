"""What stock Frappe clients say, answered as Frappe's own server answers: silently, when it is no,
unless they ask for an acknowledgement."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from presence_progress import keys, rooms, texts
from presence_progress.room_rights import Document, may_enter, right_to_watch
from presence_progress.server.sessions import NOT_PERMITTED, Denied, Handler, Session

EDITOR_CHANNEL = "open_in_editor"
"""Where Frappe's ``bench watch`` hears which line of which file a developer wants to see."""
MAX_PLACE = 5_000
"""Characters of its JSON: the longest path of a file, and some."""


def doc_subscribe(session: Session, doctype: str, name: str) -> Awaitable[None] | None:
    return session.join_if_reader(f"doc:{doctype}/{name}", (doctype, name))


def doc_unsubscribe(session: Session, doctype: str, name: str) -> None:
    session.leave(f"doc:{doctype}/{name}")


def doctype_subscribe(session: Session, doctype: str) -> Awaitable[None] | None:
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
    else:
        raise Denied(NOT_PERMITTED)


def task_unsubscribe(session: Session, task_id: str) -> None:
    session.leave(f"task_progress:{task_id}")


async def doc_open(session: Session, doctype: str, name: str) -> None:
    """Become a viewer, and be told of the others at once."""
    document = doctype, name
    await session.join_as_reader(f"open_doc:{doctype}/{name}", document)
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


def ping(session: Session, *_: Any) -> None:
    session.send("pong")


async def open_in_editor(session: Session, place: Any = None, *_: Any) -> None:
    """Hand a file and a line to the developer's editor; only where somebody develops."""
    text = rooms.to_json(place, "place")
    if len(text) > MAX_PLACE:
        raise rooms.BadField(f"a place is at most {MAX_PLACE} characters of JSON")
    if not session.services.developer_mode or session.identity.is_guest:
        raise Denied(NOT_PERMITTED)
    await session.services.redis.publish(EDITOR_CHANNEL, text)


def _document(doctype: Any = None, name: Any = None, *_: Any) -> Document:
    return keys.document(doctype, name)


def _doctype(doctype: Any = None, *_: Any) -> tuple[str]:
    return (keys.doctype_of(doctype),)


def _task(task_id: Any = None, *_: Any) -> tuple[str]:
    task_id = texts.number_as_name(task_id)
    keys.task_room(task_id)
    return (task_id,)


def _about(
    read: Callable[..., tuple[str, ...]],
    handle: Callable[..., Awaitable[Any] | None],
    *,
    asks: bool = False,
) -> Handler:
    """Take what an event is about; with ``asks`` the user must be able to read it."""

    def read_and_handle(session: Session, *arguments: Any) -> Awaitable[Any] | None:
        return handle(session, *read(*arguments))

    def document(*arguments: Any) -> Document | None:
        try:
            doctype, *name = read(*arguments)
        except keys.BadRoom:
            return None
        return doctype, (name or [""])[0]

    return Handler(read_and_handle, document if asks else None)


EVENTS: dict[str, Handler] = {
    "doc_subscribe": _about(_document, doc_subscribe, asks=True),
    "doc_unsubscribe": _about(_document, doc_unsubscribe),
    "doctype_subscribe": _about(_doctype, doctype_subscribe, asks=True),
    "doctype_unsubscribe": _about(_doctype, doctype_unsubscribe),
    "task_subscribe": _about(_task, task_subscribe),
    "progress_subscribe": _about(_task, task_subscribe),
    "task_unsubscribe": _about(_task, task_unsubscribe),
    "doc_open": _about(_document, doc_open, asks=True),
    "doc_close": _about(_document, doc_close),
    "ping": Handler(ping),
    "open_in_editor": Handler(open_in_editor),
}

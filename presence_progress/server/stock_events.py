"""What stock Frappe clients say, answered as Frappe's own server answers: silently, when it is
no."""

from __future__ import annotations

from functools import wraps
from typing import Any

from presence_progress import keys, rooms
from presence_progress.presence import Presence
from presence_progress.server.bus import Event
from presence_progress.server.sessions import Handler, Services, Session


async def doc_subscribe(session: Session, doctype: str, name: str) -> None:
    if await session.may_read(doctype, name):
        await session.join(f"doc:{doctype}/{name}")


async def doc_unsubscribe(session: Session, doctype: str, name: str) -> None:
    await session.leave(f"doc:{doctype}/{name}")


async def doctype_subscribe(session: Session, doctype: str) -> None:
    if await session.may_read(doctype):
        await session.join(f"doctype:{doctype}")


async def doctype_unsubscribe(session: Session, doctype: str) -> None:
    await session.leave(f"doctype:{doctype}")


async def task_subscribe(session: Session, task_id: str) -> None:
    """Join a task's plain room. Frappe asks nobody; a task that we know is kept to its watchers."""
    state = (await session.snapshot(keys.task_room(task_id))).state

    room = keys.Room("task", task_id=task_id)
    if not state or await session.services.access.may_watch(session.identity, room, state):
        await session.join(f"task_progress:{task_id}")


async def task_unsubscribe(session: Session, task_id: str) -> None:
    await session.leave(f"task_progress:{task_id}")


async def doc_open(session: Session, doctype: str, name: str) -> None:
    """Become a viewer, and be told of the others at once."""
    if not await session.may_read(doctype, name):
        return
    await session.join(_open_room(doctype, name))
    room = keys.presence_room(doctype, name)
    # Our own client on the same page may have said more of itself already.
    if room not in session.presences and not session.identity.is_guest:
        who = await session.services.access.who(session.identity)
        await session.enter(
            Presence(session.identity.site, doctype, name, session.sid, session.identity.user, who)
        )
    viewers = _viewers(doctype, name, await session.snapshot(room))
    if viewers["users"] != [session.identity.user]:
        await session.send("doc_viewers", viewers)


async def doc_close(session: Session, doctype: str, name: str) -> None:
    await session.leave(_open_room(doctype, name))
    await session.exit(keys.presence_room(doctype, name))


async def ping(session: Session) -> None:
    await session.services.fanout.to_socket(session.identity.site, session.sid, "pong", None)


def _text_arguments(count: int, handler: Handler) -> Handler:
    """Take ``count`` texts, as Frappe's clients send them; document names may be numbers."""

    @wraps(handler)
    async def handle(session: Session, *arguments: Any) -> None:
        texts = [
            str(argument) if isinstance(argument, int) else argument
            for argument in arguments[:count]
        ]
        if len(texts) < count or not all(isinstance(text, str) and text for text in texts):
            raise rooms.BadField(f"takes {count} texts, got {arguments!r:.100}")
        await handler(session, *texts)

    return handle


EVENTS: dict[str, Handler] = {
    "doc_subscribe": _text_arguments(2, doc_subscribe),
    "doc_unsubscribe": _text_arguments(2, doc_unsubscribe),
    "doctype_subscribe": _text_arguments(1, doctype_subscribe),
    "doctype_unsubscribe": _text_arguments(1, doctype_unsubscribe),
    "task_subscribe": _text_arguments(1, task_subscribe),
    "progress_subscribe": _text_arguments(1, task_subscribe),
    "task_unsubscribe": _text_arguments(1, task_unsubscribe),
    "doc_open": _text_arguments(2, doc_open),
    "doc_close": _text_arguments(2, doc_close),
    "ping": _text_arguments(0, ping),
}


async def tell_viewers(services: Services, event: Event) -> None:
    """Tell stock clients who views a document, after a change of its presence room."""
    room = keys.parse_room(event.room)
    site, doctype, name = event.site, room.doctype, room.name
    if not (site and doctype and name):
        return
    open_room = _open_room(doctype, name)
    if not services.fanout.has_listeners(site, open_room):
        return
    call = rooms.snapshot_call(site, keys.presence_room(doctype, name))
    viewers = _viewers(doctype, name, await rooms.run_async(services.redis, call))
    await services.fanout.to_room(site, open_room, "doc_viewers", viewers)


def _viewers(doctype: str, name: str, snapshot: rooms.Snapshot) -> dict[str, Any]:
    return {"doctype": doctype, "docname": name, "users": list(snapshot.state)}


def _open_room(doctype: str, name: str) -> str:
    return f"open_doc:{doctype}/{name}"

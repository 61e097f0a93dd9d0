"""What our own clients say: watch a room, enter a document, cancel a task."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from redis.exceptions import RedisError

from presence_progress import keys, presence, rooms, task_room, texts
from presence_progress.presence import MAX_FOCUS
from presence_progress.room_rights import Document, is_off, may_enter, right_to_watch
from presence_progress.server.app_questions import NoApp
from presence_progress.server.limits import OverLimit
from presence_progress.server.questions import Unavailable
from presence_progress.server.sessions import (
    NOT_PERMITTED,
    PRESENCE_IS_OFF,
    TRY_AGAIN,
    Denied,
    Follow,
    Handler,
    Overtaken,
    Session,
)

MAY_NOT_ENTER = "may not enter"
MAY_NOT_CANCEL = "may not cancel"
MAY_NOT_RETRY = "may not retry"
NO_SUCH_ROOM = "no such room"
TRACEBACKS = ("Error Log", "")
"""The DocType in which Frappe itself keeps tracebacks: whoever may read it may read these."""


async def room_watch(session: Session, room: Any = None) -> None:
    """Join first and read the room then: what changes in between arrives, and is judged there."""
    parsed = keys.parse_room(room)
    right = await _right_to_watch(session, parsed)
    document = right if isinstance(right, tuple) else None
    if not (await session.may_read(document) if document else right):
        raise Denied(PRESENCE_IS_OFF if is_off(parsed, session.rules) else NOT_PERMITTED)
    session.follow(room, Follow.WATCH, document)
    await session.send_state(room)


async def _right_to_watch(session: Session, room: keys.Room) -> bool | Document:
    task_id = room.task_id
    task = (await session.snapshot(keys.task_room(task_id))).state if task_id else {}
    return right_to_watch(session.identity, room, task, session.rules)


async def _may_watch(session: Session, room: keys.Room) -> bool:
    right = await _right_to_watch(session, room)
    return await session.may_read(right) if isinstance(right, tuple) else right


async def room_unwatch(session: Session, room: Any = None) -> None:
    keys.parse_room(room)
    session.unfollow(room, Follow.WATCH)


async def presence_enter(session: Session, payload: Any = None) -> None:
    document = _document(payload)
    room, activity, focus = keys.presence_room(*document), _activity(payload), _focus(payload)
    rules = session.rules
    if not may_enter(session.identity, rules) or not await session.may_read(document):
        raise Denied(MAY_NOT_ENTER if rules.presence else PRESENCE_IS_OFF)
    session.announced.add(room)
    await session.enter(document, activity, focus)


async def presence_leave(session: Session, payload: Any = None) -> None:
    await session.exit(keys.presence_room(*_document(payload)))


async def task_cancel(session: Session, task_id: Any = None) -> None:
    if await _owns(session, task_id):
        site, user = session.identity.site, session.identity.user
        await session.services.calls.run_steps(task_room.cancel(site, task_id, user))
    else:
        raise Denied(MAY_NOT_CANCEL)


async def task_retry(session: Session, task_id: Any = None) -> None:
    """Have the site start a task again: a job is put into the queue there."""
    body = {"task_id": task_id, "user": session.identity.user}
    try:
        if await _owns(session, task_id) and await session.services.access.app.ask(
            session.identity.site, "tasks.retry", body, asker=session.identity.asker
        ):
            return
    except NoApp:
        pass
    raise Denied(MAY_NOT_RETRY)


async def task_details(session: Session, task_id: Any = None) -> None:
    """Answer what is too long for the room; the traceback only to who may read Frappe's own."""
    site = session.identity.site
    if not await _may_watch(session, keys.parse_room(keys.task_room(task_id))):
        raise Denied(NOT_PERMITTED)
    details = await session.services.calls.run(task_room.details_call(site, task_id))
    traceback = details.traceback
    if traceback and not await session.may_read(TRACEBACKS):
        traceback = None
    message = {"task_id": task_id, "messages": details.messages, "traceback": traceback}
    return session.send("task_details", message)


async def tasks_seen(session: Session, until: Any = None) -> None:
    """Note that the user has seen how his tasks ended, until then."""
    if isinstance(until, bool) or not isinstance(until, int) or not 0 <= until < 2**53:
        raise rooms.BadField("a time is ms since 1970")
    if not session.identity.is_guest:
        call = task_room.seen_call(session.identity.site, session.identity.user, until)
        await session.services.calls.run(call)


async def _owns(session: Session, task_id: Any) -> bool:
    task = (await session.snapshot(keys.task_room(task_id))).state
    user = session.identity.user
    is_his = user in (task.get("user"), "Administrator") and not session.identity.is_guest
    # What is only heard of, its owner may watch: nobody could stop it, or start it again.
    return bool(task) and is_his and not task.get("source")


def _room_of(argument: Any) -> object:
    """Return the room that an event was about, as far as it can be told; a denial is found by
    it."""
    if isinstance(argument, dict):
        return f"presence:{texts.echo(argument.get('doctype'))}/{texts.echo(argument.get('name'))}"
    return argument


def answered(
    handle: Callable[..., Awaitable[None]],
    document: Callable[..., Document | None] | None = None,
    room_of: Callable[[Any], object] = _room_of,
) -> Handler:
    """Tell the client what became of its event when it failed: our clients wait for an answer."""

    async def handle_and_answer(session: Session, argument: Any = None, *_: Any) -> None:
        try:
            await handle(session, argument)
        except (keys.BadRoom, rooms.BadField):
            reason = NO_SUCH_ROOM
        except (Denied, OverLimit) as error:
            reason = error.reason
        except (Overtaken, Unavailable, RedisError, OSError):
            reason = TRY_AGAIN
        else:
            return
        session.deny(room_of(argument), reason)
        raise Denied(reason)  # for who has asked for an acknowledgement as well

    def refuse(session: Session, argument: Any = None, *_: Any) -> None:
        session.deny(room_of(argument), NO_SUCH_ROOM)

    return Handler(handle_and_answer, document, refuse)


def _document_of_room(room: Any = None, *_: Any) -> Document | None:
    try:
        parsed = keys.parse_room(room)
    except keys.BadRoom:
        return None
    if parsed.kind == "query" and parsed.doctype:
        return parsed.doctype, ""
    return (parsed.doctype, parsed.name) if parsed.doctype and parsed.name else None


def _document_of_payload(payload: Any = None, *_: Any) -> Document | None:
    try:
        return _document(payload)
    except (keys.BadRoom, rooms.BadField):
        return None


EVENTS: dict[str, Handler] = {
    "room_watch": answered(room_watch, _document_of_room),
    "room_unwatch": answered(room_unwatch),
    "presence_enter": answered(presence_enter, _document_of_payload),
    "presence_update": answered(presence_enter, _document_of_payload),
    "presence_leave": answered(presence_leave),
    **{
        handle.__name__: answered(handle, room_of=lambda task_id: f"task:{texts.echo(task_id)}")
        for handle in (task_cancel, task_retry, task_details)
    },
    "tasks_seen": answered(tasks_seen),
}


def _document(payload: Any) -> tuple[str, str]:
    if not isinstance(payload, dict):
        raise rooms.BadField("a document is {doctype, name}")
    return keys.document(payload.get("doctype"), payload.get("name"))


def _activity(payload: dict[str, Any]) -> presence.Activity:
    activity = payload.get("activity") or "viewing"
    if activity not in presence.ACTIVITIES:
        raise rooms.BadField(f"activity is one of {', '.join(presence.ACTIVITIES)}")
    return activity


def _focus(payload: dict[str, Any]) -> str | None:
    focus = payload.get("focus")
    if not isinstance(focus, str) or not focus:
        return None
    if not texts.is_name(focus[:MAX_FOCUS], MAX_FOCUS):
        raise rooms.BadField("a focus is a text in Unicode, without NUL")
    return focus[:MAX_FOCUS]

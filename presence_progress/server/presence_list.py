"""Who is in which document of a list: the rows that a page has on screen, in one watch.

A page says which rows it shows whenever that has changed; each row's room is then followed like any
other, so that a resync, a lost right and a slow socket go the same ways.
"""

from __future__ import annotations

import contextlib
from typing import Any

from presence_progress import keys, rooms, texts
from presence_progress.room_rights import Document, may_enter
from presence_progress.server.limits import OverLimit
from presence_progress.server.room_events import answered
from presence_progress.server.sessions import (
    NOT_PERMITTED,
    PRESENCE_IS_OFF,
    TOO_MANY_ROOMS,
    Denied,
    Follow,
    Overtaken,
    Session,
)


async def presence_list(session: Session, payload: Any = None) -> None:
    """Follow the rooms of these rows, and of no others of their DocType; rows that the user may not
    read are left out silently. Every row's state is sent, also of those that were there before: so
    a page that has doubts says its list again.
    """
    doctype, rows = _read(payload, session.services.limits.rows_per_list)
    rules = session.rules
    if not may_enter(session.identity, rules):
        _keep_only(session, doctype, {})
        raise Denied(NOT_PERMITTED if rules.presence else PRESENCE_IS_OFF)
    # What scrolled away goes first: it makes room, and Frappe may take its time.
    _keep_only(session, doctype, rows)
    readable = await session.services.access.may_read_all(session.identity, list(rows.values()))
    shown = {room: document for room, document in rows.items() if document in readable}
    _keep_only(session, doctype, shown)
    try:
        for room, document in shown.items():
            with contextlib.suppress(Overtaken):
                session.follow(room, Follow.LIST, document)
    except OverLimit:
        # A list of which some rows are live and others are not would look like the truth.
        _keep_only(session, doctype, {})
        raise
    # Joined first and read then, as ever: what changes in between arrives, and is judged there.
    calls = [
        rooms.snapshot_call(session.identity.site, room)
        for room in shown
        if room in session.watched
    ]
    for snapshot in await session.services.calls.try_all(calls):
        # One whose shard is away is sent when it is heard again.
        if not isinstance(snapshot, BaseException) and snapshot.room in session.watched:
            session.send("room_state", snapshot.wire())


def _keep_only(session: Session, doctype: str, rows: dict[str, Document]) -> None:
    of_doctype = f"presence:{doctype}/"
    for room, why in list(session.watched.items()):
        if why & Follow.LIST and room.startswith(of_doctype) and room not in rows:
            session.unfollow(room, Follow.LIST)


def _read(payload: Any, most: int) -> tuple[str, dict[str, Document]]:
    """Return the DocType, and by room the documents of a list."""
    if not isinstance(payload, dict) or not isinstance(payload.get("names"), list):
        raise rooms.BadField("a list is {doctype, names: […]}")
    doctype, names = keys.doctype_of(payload.get("doctype")), payload["names"]
    if len(names) > most:
        raise OverLimit("rows_per_list", TOO_MANY_ROOMS)
    documents = [keys.document(doctype, name) for name in names]
    return doctype, {keys.presence_room(*document): document for document in documents}


def _list_of(payload: Any) -> str:
    """Return what a denial names: the DocType's rooms as a whole."""
    return f"presence:{texts.echo(payload.get('doctype')) if isinstance(payload, dict) else ''}"


EVENTS = {"presence_list": answered(presence_list, room_of=_list_of)}

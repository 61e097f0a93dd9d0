"""How many are there: kept counts, and Frappe's own plain events.

A kept count is a room with one field, ``value``, so it survives a reload; its scope says who may
watch it. ``publish_realtime`` keeps nothing: it is Frappe's own inside a site, and speaks the same
wire outside.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import redis

from presence_progress import context, frappe_json, keys, rooms
from presence_progress.settings import COUNT_TTL


def set(name: str, value: int, *, scope: str = "site") -> None:
    """Set a count.

    ``scope`` says who may watch it: ``user:{user}``, ``doc:{doctype}/{name}``,
    ``doctype:{doctype}``, ``site`` (System Users) or ``website`` (everyone).
    """
    _require_whole("a count", value)
    call = rooms.set_call(context.site(), keys.count_room(scope, name), COUNT_TTL, {"value": value})
    rooms.run(context.store(), call)


def add(name: str, amount: int = 1, *, scope: str = "site") -> int:
    """Add to a count in one atomic step, and return what it is then; scopes as for :func:`set`."""
    _require_whole("what is added to a count", amount)
    call = add_call(context.site(), keys.count_room(scope, name), amount)
    return rooms.run(context.store(), call)


def get(name: str, *, scope: str = "site") -> int:
    """Return a count; one that was never written is 0."""
    value: int = rooms.snapshot(keys.count_room(scope, name)).state.get("value", 0)
    return value


def add_call(site: str, room: str, amount: int) -> rooms.Call[int]:
    return rooms.Call(
        "count_add", [keys.room_key(site, room)], [site, room, COUNT_TTL, amount], int
    )


def publish_realtime(
    event: str | None = None,
    message: Any = None,
    room: str | None = None,
    user: str | None = None,
    doctype: str | None = None,
    docname: str | int | None = None,
    task_id: str | None = None,
    after_commit: bool = False,
) -> None:
    """Publish an event to whoever listens at this moment, as Frappe's function of this name does.

    The room: ``room``, else the task's, the user's, the document's, or all System Users of the
    site. Outside a site there is no transaction, so ``after_commit`` publishes at once. Dates,
    times, Decimals and UUIDs are written as Frappe writes them; ``BadField`` for what is not JSON
    even so.
    """
    if context.in_frappe():
        import frappe

        frappe.publish_realtime(event, message, room, user, doctype, docname, task_id, after_commit)
        return
    message = {} if message is None else message
    event = event or ("task_progress" if task_id else "global")
    if event == "list_update":
        doctype = doctype or message["doctype"]
        room = f"doctype:{doctype}"
    elif event == "docinfo_update":
        room = f"doc:{doctype}/{docname}"
    if not room:
        if task_id:
            if isinstance(message, dict):
                message = {"task_id": task_id, **message}
            room = f"task_progress:{task_id}"
        elif user:
            room = f"user:{user}"
        elif doctype and docname:
            room = f"doc:{doctype}/{docname}"
        else:
            room = "all"
    envelope = {"event": event, "message": message, "room": room, "namespace": context.site()}
    text = rooms.to_json(envelope, "message", frappe_json.default)
    # As Frappe: an event that nobody keeps is not worth an error to whoever sends it.
    with suppress(redis.ConnectionError):
        context.redis().publish(keys.EVENTS_CHANNEL, text)


def _require_whole(what: str, number: object) -> None:
    if isinstance(number, bool) or not isinstance(number, int) or abs(number) >= 2**53:
        # Beyond it, neither Lua nor a browser counts exactly.
        raise rooms.BadField(f"{what} is a whole number below 2**53, got a {type(number).__name__}")

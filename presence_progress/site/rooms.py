"""Rooms as they are, for pages that Frappe's own realtime server serves: it knows no rooms of ours.

A page asks here once, and again after each reconnect; changes come to it in Frappe's own rooms
(``scripts/_stock.lua``). Who may watch is decided as the realtime server decides it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import frappe

from presence_progress import context, keys, rooms, texts
from presence_progress.room_rights import is_off, right_to_watch
from presence_progress.site import queries, settings
from presence_progress.site.task_rights import may_read_reference
from presence_progress.site_rules import PresenceRules

MOST = 100
"""Rooms in one question."""
NOT_PERMITTED, NO_SUCH_ROOM, OFF = "not permitted", "no such room", "presence is off"


@dataclass(frozen=True)
class _Viewer:
    """Who asks."""

    user: str

    @property
    def is_guest(self) -> bool:
        return self.user == "Guest"

    @property
    def is_system_user(self) -> bool:
        return bool(frappe.get_cached_value("User", self.user, "user_type") == "System User")


@frappe.whitelist(allow_guest=True)  # type: ignore[untyped-decorator]
def snapshot(rooms: str | list[str]) -> dict[str, object]:
    """Return rooms whole, for the user who is signed in: ``{"server": …, "rooms": […]}``.

    ``rooms`` are at most a hundred names, a list or its JSON. Each is answered in its place with
    the payload of ``room_state``, or of ``room_denied``: ``{room, reason}``. ``server`` says
    whether a realtime server of ours runs, which then has the better answers.
    """
    try:
        asked = frappe.parse_json(rooms)
    except (ValueError, RecursionError):
        asked = None
    if not isinstance(asked, list) or len(asked) > MOST:
        frappe.throw(frappe._("Expected is a list of at most {0} rooms.").format(MOST))
    viewer, rules = _Viewer(frappe.session.user), settings.rules()
    answers = [_answer(viewer, room, rules) for room in asked]
    # What there is no document of Frappe says in words, which nobody reads here.
    frappe.clear_messages()
    return {"server": has_server(), "rooms": answers}


def require_watcher(room: str) -> dict[str, Any]:
    """Return the state of a room that the user who is signed in may watch; ``PermissionError`` of
    others, and of what is no room."""
    answer = _answer(_Viewer(frappe.session.user), room, settings.rules())
    if "reason" in answer:
        frappe.throw(frappe._("You may not see this."), frappe.PermissionError)
    state: dict[str, Any] = answer["state"]
    return state


def has_server() -> bool:
    """Return whether a realtime server of ours runs."""
    return rooms.run(context.store(), rooms.has_server_call())


def _answer(viewer: _Viewer, room: object, rules: PresenceRules) -> dict[str, Any]:
    try:
        parsed = keys.parse_room(room)
    except keys.BadRoom:
        return {"room": texts.echo(room), "reason": NO_SUCH_ROOM}
    name = str(room)
    is_query = parsed.kind == "query"
    found = rooms.Snapshot(name, "", 0, {}) if is_query else rooms.snapshot(name)
    task = found.state if parsed.kind == "task" else {}
    right = right_to_watch(viewer, parsed, task, rules)
    if right is not True and not (right and may_read_reference(*right, viewer.user)):
        return {"room": name, "reason": OFF if is_off(parsed, rules) else NOT_PERMITTED}
    if not is_query:
        return found.wire()
    answer = queries.count_for_page(parsed.doctype or "", parsed.filters or "")
    return {**found.wire(), "state": answer} if "value" in answer else {"room": name, **answer}

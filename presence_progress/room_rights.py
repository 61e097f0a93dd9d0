"""Who may watch a room: decided from its name, for the realtime server and for the site alike.

What only Frappe can say, whether somebody may read a document, is left to whoever asks.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from presence_progress.keys import Room, Scope
from presence_progress.site_rules import PresenceRules

Document = tuple[str, str]
"""A DocType and a name; without a name, the DocType itself."""


class Viewer(Protocol):
    """Who wants to watch."""

    @property
    def user(self) -> str: ...

    @property
    def is_guest(self) -> bool: ...

    @property
    def is_system_user(self) -> bool: ...


def may_enter(viewer: Viewer, rules: PresenceRules) -> bool:
    """Return whether a site lets a user be seen at all."""
    return rules.presence and (rules.guests or not viewer.is_guest)


def right_to_watch(
    viewer: Viewer, room: Room, task: Mapping[str, Any], rules: PresenceRules
) -> bool | Document:
    """Return whether a user may watch a room, or which document he must be able to read for it.

    ``task`` is the room's state when it is a task's, ``rules`` what the site has set.
    """
    if room.kind == "presence":
        return may_enter(viewer, rules) and (room.doctype or "", room.name or "")
    if room.kind in ("online", "online_count"):
        shown_to = rules.online if room.kind == "online" else rules.online_count
        return rules.presence and _is_among(viewer, shown_to)
    if room.kind == "task":
        if viewer.user in (task.get("user"), "Administrator") and not viewer.is_guest:
            return True
        doctype = task.get("doctype")
        return (doctype, task.get("name") or "") if doctype else False
    if room.kind == "tasks":
        if room.doctype:
            return room.doctype, room.name or ""
        return room.user == viewer.user and not viewer.is_guest
    if room.kind == "query":
        return room.doctype or "", ""
    return room.scope is not None and _right_to_scope(viewer, room.scope)


def is_off(room: Room, rules: PresenceRules) -> bool:
    """Return whether nobody may watch a room, because its site has switched presence off."""
    return room.kind in ("presence", "online", "online_count") and not rules.presence


def _is_among(viewer: Viewer, group: str) -> bool:
    if group == "all":
        return not viewer.is_guest
    return group == "website" or (group == "system" and viewer.is_system_user)


def _right_to_scope(viewer: Viewer, scope: Scope) -> bool | Document:
    if scope.kind == "website":
        return True
    if scope.kind == "site":
        return viewer.is_system_user
    if scope.kind == "user":
        return scope.user == viewer.user
    return scope.doctype or "", scope.name or ""

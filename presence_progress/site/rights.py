"""Batch checks of permissions and sessions for the realtime server, in its own name; and what a
site publishes about them.

Asked in a user's name, as Frappe's own endpoints want it, each question would keep that user's
session alive and call the user active, for as long as a tab is left open.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import frappe
from frappe.sessions import get_expired_threshold

from presence_progress import context
from presence_progress.site.callers import require_server


@frappe.whitelist(allow_guest=True, methods=["POST"])  # type: ignore[untyped-decorator]
def look(sessions: list[str], questions: list[list[str]]) -> dict[str, object]:
    """Return whose some sessions are, and who may read what.

    ``questions`` are ``[user, doctype, name]`` each, with an empty name for the DocType itself.
    Returns ``{"users": {sid: user}, "types": {user: user_type}, "may_read": [true | false | null,
    …]}``; a session that has ended is not among them, and null is a question that this site failed
    at. Raises ``PermissionError`` for a caller that does not show the bench's secret.
    """
    require_server()
    found = _users_of(sessions)
    return {
        "users": {sid: user for sid, user, _ in found},
        "types": {user: user_type for _, user, user_type in found},
        "may_read": _may_read_each(questions),
    }


def publish_session_end(doc: Any, method: str | None = None) -> None:
    """Publish whose session has ended: a hook of the Activity Log.

    Frappe logs each session that ends, but its own events about that row name the user who ended
    it: an administrator, the scheduler, or a guest who has reset a password.
    """
    if doc.operation == "Logout" and doc.user:
        frappe.publish_realtime(
            "presence_rights", {"user": doc.user}, user=doc.user, after_commit=True
        )


def _users_of(sessions: list[str]) -> list[tuple[str, str, str]]:
    """Return the id, the user and the user's type of each session that has not ended."""
    if not sessions:
        return []
    table, user = frappe.qb.DocType("Sessions"), frappe.qb.DocType("User")
    found = (
        frappe.qb.from_(table)
        .join(user)
        .on(table.user == user.name)
        .select(table.sid, table.user, user.user_type)
        .where(table.sid.isin(sessions))
        .where(table.lastupdate > get_expired_threshold())
        # Frappe lets nobody in who is disabled, though a session may be left.
        .where(user.enabled == 1)
    ).run()
    return list(found)


def _may_read_each(questions: list[list[str]]) -> list[bool | None]:
    answers: list[bool | None] = [None] * len(questions)
    numbers_of: defaultdict[str, list[int]] = defaultdict(list)
    for number, (user, _, _) in enumerate(questions):
        numbers_of[user].append(number)
    for user, numbers in numbers_of.items():
        # One user after the other: with each change of users Frappe forgets all it has worked out.
        with context.as_user(user):
            for number in numbers:
                answers[number] = _may_read(*questions[number])
    # What there is no document of Frappe says in words, which nobody reads here.
    frappe.clear_messages()
    return answers


def _may_read(user: str, doctype: str, name: str) -> bool | None:
    try:
        return bool(frappe.has_permission(doctype, "read", doc=name or None, user=user))
    except (frappe.DoesNotExistError, frappe.PermissionError):
        return False
    except Exception:
        # An app's own rule that fails: its trouble shall not be taken for a no.
        return None

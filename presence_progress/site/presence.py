"""Presence as the site has its say in it: how people are shown, who wants to be invisible, and the
hooks of its apps.

What the realtime server asks it asks in its own name, with the bench's secret. It has no session,
and so no need of the token that Frappe wants with every POST of a session's; a user's own pages
have both.
"""

from __future__ import annotations

from typing import Any

import frappe
import frappe.defaults

from presence_progress import context, keys
from presence_progress.presence import HOOKS
from presence_progress.settings import TRANSITION_TTL
from presence_progress.site.callers import require_server
from presence_progress.site.times import site_time

INVISIBLE = "presence_progress_invisible"
"""A default of the user's, where Frappe keeps what users have chosen."""

_WISHES = {"true": True, "1": True, "false": False, "0": False}


@frappe.whitelist(allow_guest=True, methods=["POST"])  # type: ignore[untyped-decorator]
def people(users: list[str]) -> dict[str, dict[str, object]]:
    """Return how users are shown: user → ``{name, image, invisible}``, for those there are.

    Raises ``PermissionError`` for whoever does not show the bench's secret.
    """
    require_server()
    if not users:
        return {}
    fields = ["name", "full_name", "user_image"]
    found = frappe.get_all("User", filters={"name": ["in", users]}, fields=fields)
    # Not from Frappe's cache of defaults: it may be filled anew just before a change is committed.
    chosen = {"parent": ["in", users], "defkey": INVISIBLE, "defvalue": "1"}
    invisible = set(frappe.get_all("DefaultValue", filters=chosen, pluck="parent"))
    return {
        user.name: {
            "name": user.full_name or user.name,
            "image": user.user_image or None,
            "invisible": user.name in invisible,
        }
        for user in found
    }


@frappe.whitelist(allow_guest=True, methods=["POST"])  # type: ignore[untyped-decorator]
def set_invisible(invisible: bool | str, user: str | None = None) -> bool:
    """Store whether the user who is signed in wants to be shown to others, and tell all of his
    pages and every realtime server; returns what holds now.

    With ``user`` it is the realtime server that asks, and shows the bench's secret.
    ``PermissionError`` for guests, ``ValidationError`` for what is neither true nor false.
    """
    wish = _WISHES.get(str(invisible).lower())  # as a form, it is a text
    if wish is None:
        raise frappe.ValidationError
    if user:
        require_server()
    user = user or frappe.session.user
    if user == "Guest":
        raise frappe.PermissionError
    if not frappe.db.exists("User", user):
        return False
    frappe.defaults.set_user_default(INVISIBLE, "1" if wish else None, user)
    message = {"user": user, "invisible": wish}
    frappe.publish_realtime("presence_settings", message, user=user, after_commit=True)
    return wish


@frappe.whitelist(allow_guest=True, methods=["POST"])  # type: ignore[untyped-decorator]
def hooks() -> list[str]:
    """Return the kinds of transitions that this site's apps hook into; for the realtime server."""
    require_server()
    return [kind for kind, hook in HOOKS.items() if frappe.get_hooks(hook)]


@frappe.whitelist(allow_guest=True, methods=["POST"])  # type: ignore[untyped-decorator]
def transitions(transitions: list[dict[str, Any]]) -> None:
    """Have a worker run the hooks for some transitions, ``{id, kind, doctype, name, user, at}``
    each, with ``at`` in microseconds since 1970; for the realtime server, which tells the same
    again when it has got no answer."""
    require_server()
    with context.as_user("Administrator"):
        frappe.enqueue(
            "presence_progress.site.presence.run_hooks", queue="default", transitions=transitions
        )


def run_hooks(transitions: list[dict[str, Any]]) -> None:
    """Run the hooks for transitions whose hooks have not been run: in a worker.

    That is noted here, not where they arrive: what was told twice is in two jobs, and what is
    noted before it is in any would be lost with its request.
    """
    redis = context.redis()
    for one in transitions:
        mark = keys.ran_key(frappe.local.site, one["id"])
        if redis.set(mark, "", nx=True, ex=TRANSITION_TTL):
            at = site_time(one["at"] / 1_000_000)
            for path in frappe.get_hooks(HOOKS[one["kind"]]):
                _run_hook(path, one["doctype"], one["name"], one["user"], at)


def _run_hook(path: str, *arguments: object) -> None:
    """Run one function of an app's in a transaction of its own; what it raises goes to the Error
    Log and stops nobody else's."""
    try:
        frappe.get_attr(path)(*arguments)
        frappe.db.commit()
    except Exception:
        frappe.db.rollback()
        frappe.log_error(f"{path} failed")
        frappe.db.commit()

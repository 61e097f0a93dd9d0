"""Tasks as the site has its say in them: their history, and starting and stopping them.

A task that runs is in Redis alone. Its row begins with its first checkpoint, written by its job
(``context.py``), or else with its end, which the realtime server tells: also of a job that could
not say so itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import frappe
from frappe import _
from frappe.utils import cint

from presence_progress import context, keys, progress, rooms, task_room
from presence_progress.site.callers import require_server
from presence_progress.site.rooms import require_watcher
from presence_progress.site.task_rights import may_read_reference
from presence_progress.site.times import milliseconds, site_time

MOST_LISTED = 100
_LATER = frappe.QueryTimeoutError, frappe.QueryDeadlockError, frappe.DuplicateEntryError
"""A job's transaction is in the way."""
_LAST = 2**31
"""A row of the history that nobody has: no database takes a larger offset for granted."""
_LONGEST_NAME = 140
"""Characters that Frappe gives to names and titles."""
_FIELDS = ("title", "state", "user", "attempt", "done", "total", "ok", "warnings", "errors")
_MORE_FIELDS = ("error", "result", "reference_doctype", "reference_name")
_TIMES = ("queued_at", "started_at", "ended_at")


@frappe.whitelist(allow_guest=True, methods=["POST"])  # type: ignore[untyped-decorator]
def record(tasks: list[dict[str, Any]]) -> list[str]:
    """Store how tasks have ended, ``{task_id, …the fields of its room}`` each, and return the ids
    of those that need not be told again; for the realtime server.

    Told again, they change nothing, and an earlier attempt does not overwrite a later one. A job
    that still holds its row in an open transaction is not waited for: that one is told later.
    """
    require_server()
    recorded = []
    for task in tasks:
        try:
            _record(task)
            # Each by itself: what cannot be stored now takes nothing else with it.
            frappe.db.commit()
        except _LATER:
            frappe.db.rollback()
            continue
        except Exception:
            # Told again and again, it would fail again and again.
            frappe.db.rollback()
            frappe.log_error(f"Task {task['task_id']} could not be recorded")
            frappe.db.commit()
        recorded.append(task["task_id"])
    frappe.clear_messages()
    return recorded


def _record(task: Mapping[str, Any]) -> None:
    name = task["task_id"]
    if len(name) > _LONGEST_NAME:
        return
    known = frappe.db.get_value(
        context.TASK, name, ["attempt", "ended_at"], as_dict=True, for_update=True, wait=False
    )
    if known and (known.attempt, known.ended_at is not None) >= (task["attempt"], True):
        return
    row = _row(task)
    if task["state"] == "done":
        row["checkpoint"] = None
    if known:
        frappe.db.set_value(context.TASK, name, row)
    else:
        frappe.get_doc({"doctype": context.TASK, "name": name, **row}).db_insert()
    # As Frappe says it of a document that was saved: lists show it, and live queries count it.
    message = {"doctype": context.TASK, "name": name, "user": row["user"]}
    frappe.publish_realtime("list_update", message, doctype=context.TASK, after_commit=True)


def _row(task: Mapping[str, Any]) -> dict[str, Any]:
    row = {field: task.get(field) for field in (*_FIELDS, "error", "result")}
    row["title"] = (row["title"] or "")[:_LONGEST_NAME]
    row["total"] = row["total"] or 0
    people = {field: task.get(field) for field in ("cancelled_by", "retried_by")}
    times = {
        field: None if task.get(field) is None else site_time(task[field] / 1000)
        for field in _TIMES
    }
    about = {
        "reference_doctype": task.get("doctype"),
        "reference_name": task.get("name"),
        "parent_task": task.get("parent"),
    }
    return {**row, **people, **times, **about}


@frappe.whitelist()  # type: ignore[untyped-decorator]
def history(
    start: int | str = 0, limit: int | str = 20, doctype: str | None = None, name: str | None = None
) -> list[dict[str, Any]]:
    """Return ended tasks of the user who is signed in, the newest first: ``{name, title, state,
    user, attempt, done, total, ok, warnings, errors, error, result, reference_doctype,
    reference_name, queued_at, started_at, ended_at}``, times in ms since 1970; ``total`` is None
    when it was not known.

    With ``doctype`` and ``name``, everybody's tasks about that document; with ``doctype`` alone,
    those about the DocType as such. At most a hundred at once. Raises ``PermissionError`` for who
    may not read it, and for guests; ``ValidationError`` for what is no document.
    """
    user = frappe.session.user
    # A task that is part of another is seen in that one.
    filters: dict[str, Any] = {"ended_at": [">", "1970-01-01"], "parent_task": ["is", "not set"]}
    if doctype:
        doctype, name = _document(doctype, name)
        if not may_read_reference(doctype, name, user):
            frappe.throw(_("You may not read this."), frappe.PermissionError)
        filters["reference_doctype"] = doctype
        filters["reference_name"] = name or ["is", "not set"]
    else:
        filters["user"] = user
    rows = frappe.get_all(
        context.TASK,
        filters=filters,
        fields=["name", *_FIELDS, *_MORE_FIELDS, *_TIMES],
        order_by="ended_at desc, name desc",
        # Out of a query they come as texts.
        limit_start=min(max(0, cint(start)), _LAST),
        limit_page_length=min(max(1, cint(limit)), MOST_LISTED),
    )
    for row in rows:
        row.update({field: milliseconds(row[field]) for field in _TIMES})
        row["total"] = row["total"] or None
    found: list[dict[str, Any]] = rows
    return found


@frappe.whitelist(allow_guest=True, methods=["POST"])  # type: ignore[untyped-decorator]
def retry(task_id: str, user: str | None = None) -> int:
    """Start a task of one's own again, and return the number of its new attempt, 0 when there is
    nothing to start again. Its job runs as the user whose task it is.

    ``PermissionError`` for a task of somebody else's; Administrator may with all. With ``user`` it
    is the realtime server that asks for him, and shows the bench's secret; it is told 0, for a no
    would mean to it that this site does not have the method.
    """
    if user:
        require_server()
        owner = _owner(task_id, user)
        if not owner:
            return 0
    else:
        user = frappe.session.user
        owner = _require_owned(task_id, user)
    with context.as_user(owner):
        return progress.retry(task_id, user)


@frappe.whitelist(methods=["POST"])  # type: ignore[untyped-decorator]
def cancel(task_id: str) -> str:
    """Ask a task of one's own to stop, and return its state as :func:`progress.cancel` does.

    ``PermissionError`` for a task of somebody else's; Administrator may with all.
    """
    user = frappe.session.user
    _require_owned(task_id, user)
    return progress.cancel(task_id, user)


@frappe.whitelist(allow_guest=True)  # type: ignore[untyped-decorator]
def details(task_id: str) -> dict[str, Any]:
    """Return what is too long for a task's room, ``{task_id, messages, traceback}``, as the
    realtime server's event of this name has it: to its watchers, and the traceback to whoever may
    read the DocType Error Log."""
    require_watcher(f"task:{task_id}")
    found = rooms.run(context.store(), task_room.details_call(frappe.local.site, task_id))
    may_read = found.traceback and frappe.has_permission("Error Log", "read")
    traceback = found.traceback if may_read else None
    return {"task_id": task_id, "messages": found.messages, "traceback": traceback}


@frappe.whitelist(methods=["POST"])  # type: ignore[untyped-decorator]
def seen(until: int | str) -> None:
    """Note until when the user who is signed in has seen how his tasks ended; ms since 1970."""
    user, site = frappe.session.user, frappe.local.site
    seen_until = min(max(0, cint(until)), 2**53 - 1)
    rooms.run(context.store(), task_room.seen_call(site, user, seen_until))


def _document(doctype: str, name: str | None) -> tuple[str, str | None]:
    try:
        return keys.document(doctype, name) if name else (keys.doctype_of(doctype), None)
    except keys.BadRoom as error:
        raise frappe.ValidationError(str(error)) from None


def _require_owned(task_id: str, user: str) -> str:
    owner = _owner(task_id, user)
    if not owner:
        frappe.throw(_("This is no task of yours."), frappe.PermissionError)
    return owner


def _owner(task_id: str, user: str) -> str:
    """Return whose a task is, ``""`` for a user who may not start or stop it."""
    try:
        owner = str(rooms.snapshot(keys.task_room(task_id)).state.get("user") or "")
    except keys.BadRoom:
        return ""
    return owner if user != "Guest" and user in (owner, "Administrator") else ""

"""Counts for live queries: several at once, each with the rights of the user it is for."""

from __future__ import annotations

import json
import time
from typing import Any

import frappe
from frappe.desk import reportview

from presence_progress import context
from presence_progress.settings import FRAPPE_TIMEOUT, QUERY_BUDGET
from presence_progress.site.callers import require_server

NOT_PERMITTED, BAD_FILTERS, FAILED, LATER = "not permitted", "bad filters", "failed", "later"


@frappe.whitelist(allow_guest=True, methods=["POST"])  # type: ignore[untyped-decorator]
def count(questions: list[list[Any]]) -> list[dict[str, object]]:
    """Return how many documents users may see, as the lists of Desk count them.

    ``questions`` are ``[user, doctype, filters, may_repeat]`` each, the filters in JSON; the last
    one says that a document may be found several times, by its child tables. Each answer is
    ``{"value": n}`` or ``{"reason": …}``: ``not permitted``, ``bad filters``, ``failed`` for what
    says nothing about the question, ``later`` for what there was no time left for. Raises
    ``PermissionError`` for whoever does not show the bench's secret.
    """
    require_server()
    # A count that nobody waits for any more shall not go on for minutes.
    frappe.db.set_execution_timeout(FRAPPE_TIMEOUT)
    until = time.monotonic() + QUERY_BUDGET
    answers: list[dict[str, object]] = []
    for user, doctype, filters, may_repeat in questions:
        if answers and time.monotonic() > until:
            answers.append({"reason": LATER})
            continue
        with context.as_user(user):
            answers.append(_count(doctype, filters, may_repeat))
    # What there is to be said to people nobody reads here.
    frappe.clear_messages()
    return answers


def count_for_page(doctype: str, filters: str) -> dict[str, object]:
    """Return how many documents the user who is signed in may see, as :func:`count` answers."""
    frappe.db.set_execution_timeout(FRAPPE_TIMEOUT)
    # Each once, however many rows of a child table fit: a page's own server knows better.
    answer = _count(doctype, filters, True)
    return {"reason": "try again"} if answer.get("reason") == FAILED else answer


def _count(doctype: str, filters: str, may_repeat: bool) -> dict[str, object]:
    try:
        # Its only way to be called: it reads the arguments of the request.
        frappe.local.form_dict = frappe._dict(
            doctype=doctype,
            filters=json.loads(filters or "{}"),
            fields=[],
            distinct=may_repeat,
        )
        return {"value": int(reportview.get_count() or 0)}
    except Exception as error:
        # PostgreSQL answers nothing more in a transaction in which something has failed.
        frappe.db.rollback()
        return {"reason": _reason(error)}


def _reason(error: Exception) -> str:
    if isinstance(error, frappe.PermissionError):
        return NOT_PERMITTED
    if isinstance(error, (frappe.QueryTimeoutError, frappe.QueryDeadlockError)):
        return FAILED
    is_about_filters = isinstance(
        error, (frappe.ValidationError, TypeError, ValueError, LookupError, AttributeError)
    )
    if is_about_filters or frappe.db.is_missing_column(error):
        return BAD_FILTERS
    # A database in trouble, an app's own rule that fails: that shall not be taken for an answer.
    return FAILED

"""Who may read a row of the history of tasks: its user, whoever may read what it was about, and
System Managers. Everybody has the role's permission; these hooks of Frappe's take it away again.
"""

from __future__ import annotations

from typing import Any

import frappe
from frappe.model.db_query import DatabaseQuery
from frappe.permissions import get_role_permissions

from presence_progress.context import TASK


def may_read(doc: Any, ptype: str | None = None, user: str | None = None) -> bool:
    """Return whether a user may read a row; more than that is the roles' to say."""
    user = user or frappe.session.user
    if _sees_all(user) or doc.user == user:
        return True
    return may_read_reference(doc.reference_doctype, doc.reference_name, user)


def may_read_reference(doctype: str | None, name: str | None, user: str) -> bool:
    """Return whether a user may read a document, or with no name a DocType."""
    if not doctype:
        return False
    try:
        return bool(frappe.has_permission(doctype, "read", doc=name or None, user=user))
    except (frappe.DoesNotExistError, frappe.PermissionError):
        frappe.clear_last_message()
        return False


def listed(user: str | None = None, doctype: str | None = None) -> str:
    """Return the SQL condition for the rows that a user's lists show."""
    user = user or frappe.session.user
    if _sees_all(user):
        return ""
    conditions = [f"`tab{TASK}`.`user` = {frappe.db.escape(user, percent=False)}"]
    doctypes = frappe.get_all(TASK, distinct=True, pluck="reference_doctype", order_by=None)
    conditions += [_of_readable(doctype, user) for doctype in filter(None, doctypes)]
    return f"({' or '.join(filter(None, conditions))})"


def _of_readable(doctype: str, user: str) -> str:
    """Return the condition for tasks about those documents of a DocType that its own list shows."""
    if doctype == TASK or not frappe.db.exists("DocType", doctype):
        return ""
    meta = frappe.get_meta(doctype)
    if not get_role_permissions(meta, user=user).get("read"):
        return ""
    is_it = f"`tab{TASK}`.`reference_doctype` = {frappe.db.escape(doctype, percent=False)}"
    name = f"`tab{TASK}`.`reference_name`"
    if meta.issingle or meta.is_virtual:
        # There are no rows to look into; a page about one is asked about by itself.
        return f"({is_it} and coalesce({name}, '') = '')"
    shown = DatabaseQuery(doctype, user=user).build_match_conditions()
    found = f"select 1 from `tab{doctype}` where `tab{doctype}`.`name` = {name}"
    if shown:
        found += f" and ({shown})"
    return f"({is_it} and (coalesce({name}, '') = '' or exists ({found})))"


def _sees_all(user: str) -> bool:
    return user == "Administrator" or "System Manager" in frappe.get_roles(user)

"""The history of tasks: a row for each that has ended, or has made a checkpoint.

Its rows are written by :mod:`presence_progress.site.tasks` and by running jobs; who may read them
is decided in :mod:`presence_progress.site.task_rights`.
"""

from __future__ import annotations

import frappe
from frappe.model.document import Document
from frappe.query_builder import Interval
from frappe.query_builder.functions import Now


class RealtimeTask(Document):  # type: ignore[misc]
    """One task; how its last attempt has ended."""

    @staticmethod
    def clear_old_logs(days: int = 30) -> None:
        """Delete what has not changed for so many days; Frappe's Log Settings say how many."""
        table = frappe.qb.DocType("Realtime Task")
        frappe.db.delete(table, filters=(table.modified < (Now() - Interval(days=days))))


def on_doctype_update() -> None:
    """Index what histories are asked by: a user's tasks, and a document's."""
    frappe.db.add_index("Realtime Task", ["user", "ended_at"])
    frappe.db.add_index("Realtime Task", ["reference_doctype", "reference_name"])

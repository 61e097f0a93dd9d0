"""Jobs that the tests enqueue."""

from __future__ import annotations

import frappe

from presence_progress import Task


def count_up(count: int = 3, description: str = "") -> str:
    """Count, and write a document in the transaction that runs."""
    with Task("Counting", total=count) as task:
        for _ in range(count):
            task.advance()
    if description:
        frappe.get_doc({"doctype": "ToDo", "description": description}).insert()
    return "counted"


def fail() -> None:
    """Fail, in words."""
    frappe.throw("The file is <b>no</b> file.")


def touch(doctype: str, name: str) -> None:
    """Ask for what the task is about."""
    frappe.get_doc(doctype, name).add_comment("Comment", "touched")

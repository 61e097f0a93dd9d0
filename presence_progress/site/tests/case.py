"""What the tests in a site share, on Frappe v15 and v16, whose base classes are not the same."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import frappe

from presence_progress import context, keys, rooms

try:
    from frappe.tests import IntegrationTestCase as FrappeCase
except ImportError:
    from frappe.tests.utils import FrappeTestCase as FrappeCase

ANN, BOB = "realtime-ann@example.com", "realtime-bob@example.com"
"""A System User and a website's."""


class SiteCase(FrappeCase):  # type: ignore[misc]
    """A test in a site with two users, who are there for its time."""

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        add_user(ANN, "System Manager")
        add_user(BOB)
        frappe.db.commit()

    @classmethod
    def tearDownClass(cls) -> None:
        frappe.set_user("Administrator")
        for user in (ANN, BOB):
            frappe.delete_doc("User", user, force=True, ignore_missing=True)
        frappe.db.commit()
        super().tearDownClass()

    def setUp(self) -> None:
        frappe.set_user("Administrator")
        self.addCleanup(frappe.set_user, "Administrator")

    @contextmanager
    def refused(self, sentence: str) -> Iterator[None]:
        """Expect a 403 that says why."""
        frappe.clear_messages()
        with self.assertRaisesRegex(frappe.PermissionError, sentence):
            yield
        self.assertEqual(frappe.PermissionError.http_status_code, 403)


def add_user(user: str, *roles: str) -> None:
    """Make a user who has some roles, and is asked for no password."""
    if not frappe.db.exists("User", user):
        doc = frappe.get_doc(
            {"doctype": "User", "email": user, "first_name": "Ann", "send_welcome_email": 0}
        )
        doc.flags.no_welcome_mail = True
        doc.insert(ignore_permissions=True)
        if roles:
            doc.add_roles(*roles)


def task_state(task_id: str) -> dict[str, Any]:
    """Return the fields of a task's room."""
    return rooms.snapshot(keys.task_room(task_id)).state


def todo(owner: str) -> str:
    """Return the name of a document that its owner may read, and nobody else but managers."""
    with context.as_user(owner):
        doc = frappe.get_doc({"doctype": "ToDo", "description": "realtime", "allocated_to": owner})
        return str(doc.insert(ignore_permissions=True).name)

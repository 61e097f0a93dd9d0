"""The history of tasks: what is recorded, who may see it, and who may stop or retry."""

from __future__ import annotations

import json
from typing import Any
from unittest.mock import patch

import frappe

from presence_progress import Task, context, keys, rooms
from presence_progress.site import tasks
from presence_progress.site.tests.case import ANN, BOB, SiteCase, task_state, todo

DOCTYPE = "Realtime Task"


def ended(task_id: str, **more: Any) -> dict[str, Any]:
    """Return what the realtime server tells of a task that has ended."""
    told = {"task_id": task_id, "title": "Import", "state": "done", "user": ANN, "attempt": 1}
    times = {"queued_at": 1764000000000, "started_at": 1764000001000, "ended_at": 1764000002000}
    return {**told, **times, "done": 5, "total": 5, "ok": 3, "warnings": 2, "errors": 0, **more}


class TestTasks(SiteCase):
    """The server's part is played by whoever shows its secret."""

    def record(self, *told: dict[str, Any]) -> list[str]:
        for one in told:
            self.addCleanup(frappe.db.delete, DOCTYPE, {"name": one["task_id"]})
        secret = b"the secret"
        context.redis().set(keys.SECRET, secret, nx=True)
        shown = context.redis().get(keys.SECRET).decode()
        with patch("frappe.get_request_header", lambda *_: shown):
            recorded: list[str] = tasks.record(list(told))
            return recorded

    def test_an_end_is_a_row_and_told_again_changes_nothing(self) -> None:
        task_id = frappe.generate_hash()
        self.assertEqual(self.record(ended(task_id)), [task_id])
        row = frappe.get_doc(DOCTYPE, task_id)
        self.assertEqual((row.state, row.user, row.done, row.warnings), ("done", ANN, 5, 2))
        self.assertEqual(self.record(ended(task_id, state="failed")), [task_id])
        self.assertEqual(frappe.db.get_value(DOCTYPE, task_id, "state"), "done")
        self.assertEqual(self.record(ended(task_id, state="failed", attempt=2)), [task_id])
        self.assertEqual(frappe.db.get_value(DOCTYPE, task_id, "state"), "failed")

    def test_lists_and_live_queries_hear_of_it(self) -> None:
        task_id = frappe.generate_hash()
        told: list[tuple[Any, ...]] = []
        with patch("frappe.realtime.emit_via_redis", lambda *event: told.append(event)):
            self.record(ended(task_id))
            self.record(ended(task_id))
        message = {"doctype": DOCTYPE, "name": task_id, "user": ANN}
        self.assertEqual(told, [("list_update", message, f"doctype:{DOCTYPE}")])

    def test_nobody_else_may_record(self) -> None:
        nothing = patch("frappe.get_request_header", lambda *_: None)
        with nothing, self.assertRaises(frappe.PermissionError):
            tasks.record([ended("x")])

    def test_who_may_see_it(self) -> None:
        name = todo(ANN)
        own, about = frappe.generate_hash(), frappe.generate_hash()
        self.record(ended(own, user=BOB), ended(about, user="Guest", doctype="ToDo", name=name))
        for user, seen in ((BOB, {own}), (ANN, {own, about})):
            with self.set_user(user):
                found = frappe.get_list(DOCTYPE, {"name": ["in", [own, about]]}, pluck="name")
                self.assertEqual(set(found), seen)
                self.assertEqual(frappe.has_permission(DOCTYPE, doc=about), about in seen)
        with self.set_user(BOB):
            shown = {row["name"]: row["user"] for row in tasks.history(limit=100)}
            self.assertEqual((shown.get(own), set(shown.values())), (BOB, {BOB}))
            with self.refused("may not read"):
                tasks.history(doctype="ToDo", name=name)
        with self.set_user(ANN):
            self.assertEqual([r["name"] for r in tasks.history(doctype="ToDo", name=name)], [about])

    def test_only_its_owner_cancels_and_retries(self) -> None:
        with Task("Long", user=ANN) as task:
            for call in (tasks.cancel, tasks.retry):
                for user in (BOB, "Guest"):
                    with self.set_user(user), self.refused("no task of yours"):
                        call(task.id)
                with self.set_user(ANN), self.refused("no task of yours"):
                    call("unknown")
            with self.set_user(ANN):
                self.assertEqual(tasks.cancel(task.id), "cancelling")
                self.assertEqual(tasks.retry(task.id), 0)
        self.assertEqual(task_state(task.id)["cancelled_by"], ANN)

    def test_whoever_retries_for_another_stays_signed_in(self) -> None:
        with self.assertRaises(ZeroDivisionError), Task("Rows", user=ANN) as task:
            task.total = 1 // 0
        # As a request has it: Frappe stores it at the end of that.
        session = frappe.local.session
        session.sid, session.data = "a sid", frappe._dict(user="Administrator")
        frappe.local.form_dict = frappe._dict(task_id=task.id)
        tasks.retry(task.id)
        self.assertEqual((session.user, session.sid), ("Administrator", "a sid"))
        self.assertEqual(session.data, {"user": "Administrator"})
        self.assertEqual(frappe.local.form_dict, {"task_id": task.id})

    def test_details_are_its_watchers_and_the_traceback_of_those_who_may_read_errors(self) -> None:
        with self.assertRaises(ZeroDivisionError), Task("Rows", user=BOB) as task:
            task.warn("is odd", row=3)
            task.total = 1 // 0
        with self.set_user(BOB):
            told = tasks.details(task.id)
        self.assertEqual([m["message"] for m in told["messages"]], ["is odd"])
        self.assertIsNone(told["traceback"])
        self.assertIn("ZeroDivisionError", tasks.details(task.id)["traceback"])
        with self.set_user("Guest"), self.refused("may not see"):
            tasks.details(task.id)
        with self.set_user(BOB):
            tasks.seen("1764000000000")
        self.assertEqual(rooms.snapshot(f"tasks:{BOB}").state["seen_at"], 1764000000000)

    def test_a_checkpoint_is_in_the_transaction_of_its_rows(self) -> None:
        with Task("Rows", total=10) as task:
            self.addCleanup(frappe.db.delete, DOCTYPE, {"name": task.id})
            task.advance(4)
            task.checkpoint({"row": 4})
            kept = frappe.db.get_value(DOCTYPE, task.id, "checkpoint")
            self.assertEqual(json.loads(kept)["value"], {"row": 4})
            frappe.db.rollback()
            self.assertFalse(frappe.db.exists(DOCTYPE, task.id))

    def test_old_rows_are_deleted(self) -> None:
        old, young = frappe.generate_hash(), frappe.generate_hash()
        self.record(ended(old), ended(young))
        long_ago = frappe.utils.add_days(frappe.utils.now_datetime(), -31)
        frappe.db.set_value(DOCTYPE, old, "modified", long_ago, update_modified=False)
        from frappe.core.doctype.log_settings.log_settings import LogType
        from frappe.model.base_document import get_controller

        controller = get_controller(DOCTYPE)
        self.assertTrue(issubclass(controller, LogType))
        controller.clear_old_logs(30)
        left = frappe.get_all(DOCTYPE, {"name": ["in", [old, young]]}, pluck="name")
        self.assertEqual(left, [young])

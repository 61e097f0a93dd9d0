"""``enqueue`` in a site: all that ``frappe.enqueue`` takes, and a task as true as its job."""

from __future__ import annotations

from typing import Any

import frappe
from frappe.utils.background_jobs import get_job

from presence_progress import cancel, enqueue, retry, rooms
from presence_progress.site.tests import jobs
from presence_progress.site.tests.case import ANN, SiteCase, task_state, todo

JOBS = "presence_progress.site.tests.jobs"


class TestEnqueue(SiteCase):
    """Nobody works here: the jobs are looked at in their queue, or run at once."""

    def enqueue(self, method: Any = f"{JOBS}.count_up", **more: Any) -> str:
        task_id = enqueue(method, **{"queue": "long", **more})
        self.addCleanup(self.forget, more.get("job_id") or task_id)
        return task_id

    def forget(self, job_id: str) -> None:
        for known in (job_id, f"{job_id}-2"):
            if job := get_job(known):
                job.delete()

    def test_task_and_job_are_there_at_once(self) -> None:
        with self.set_user(ANN):
            task_id = self.enqueue(jobs.count_up, timeout=77, count=5, title="Counting")
        state, job = task_state(task_id), get_job(task_id)
        self.assertEqual((state["state"], state["user"]), ("queued", ANN))
        self.assertEqual(job.kwargs["kwargs"]["arguments"], {"count": 5})
        self.assertEqual((job.timeout, job.kwargs["user"]), (77, ANN))

    def test_after_the_commit_and_as_who_was_signed_in(self) -> None:
        with self.set_user(ANN):
            task_id = self.enqueue(enqueue_after_commit=True)
        self.assertEqual((task_state(task_id), get_job(task_id)), ({}, None))
        frappe.db.commit()
        self.assertEqual(task_state(task_id)["user"], ANN)
        self.assertEqual(get_job(task_id).kwargs["user"], ANN)
        self.assertEqual(frappe.session.user, "Administrator")

    def test_never_after_a_rollback(self) -> None:
        task_id = self.enqueue(enqueue_after_commit=True)
        frappe.db.rollback()
        frappe.db.commit()
        self.assertEqual((task_state(task_id), get_job(task_id)), ({}, None))

    def test_now_is_in_the_transaction_that_runs_here(self) -> None:
        description = frappe.generate_hash()
        task_id = self.enqueue(now=True, count=4, description=description)
        state = task_state(task_id)
        self.assertEqual((state["state"], state["done"]), ("done", 4))
        self.assertTrue(frappe.db.exists("ToDo", {"description": description}))
        frappe.db.rollback()
        self.assertFalse(frappe.db.exists("ToDo", {"description": description}))

    def test_now_raises_what_the_job_raises(self) -> None:
        before = set(rooms.snapshot(f"tasks:{ANN}").state)
        with self.set_user(ANN), self.assertRaises(frappe.ValidationError):
            self.enqueue(f"{JOBS}.fail", now=True)
        [task_id] = set(rooms.snapshot(f"tasks:{ANN}").state) - before
        self.assertEqual(task_state(task_id)["state"], "failed")
        self.assertEqual(task_state(task_id)["error"], "The file is no file.")

    def test_the_same_job_once(self) -> None:
        job_id = frappe.generate_hash()
        first = self.enqueue(job_id=job_id, deduplicate=True)
        self.assertEqual(enqueue(f"{JOBS}.count_up", job_id=job_id, deduplicate=True), first)
        plain = frappe.generate_hash()
        job = frappe.enqueue(f"{JOBS}.count_up", job_id=plain)
        self.addCleanup(self.forget, plain)
        self.assertEqual(enqueue(f"{JOBS}.count_up", job_id=plain, deduplicate=True), job.id)

    def test_a_job_that_asks_is_told_what_it_is_about(self) -> None:
        name = todo("Administrator")
        self.enqueue(f"{JOBS}.touch", now=True, doctype="ToDo", name=name)
        self.assertTrue(frappe.db.exists("Comment", {"reference_name": name, "content": "touched"}))

    def test_a_retry_has_what_the_first_had(self) -> None:
        task_id = self.enqueue(count=2, on_success=jobs.count_up, event="realtime", at_front=True)
        self.assertEqual(get_job(task_id).success_callback, jobs.count_up)
        self.assertEqual(cancel(task_id), "cancelled")
        self.assertEqual(retry(task_id), 2)
        job = get_job(f"{task_id}-2")
        self.assertEqual((job.success_callback, job.kwargs["event"]), (jobs.count_up, "realtime"))

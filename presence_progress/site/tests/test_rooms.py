"""Rooms for a page that Frappe's own server serves: the same rights as on ours."""

from __future__ import annotations

import json
from typing import Any

import frappe

from presence_progress import Task, counts
from presence_progress.site.rooms import MOST, snapshot
from presence_progress.site.tests.case import ANN, BOB, SiteCase, todo
from presence_progress.site.workspace import RUNNING, count_running


class TestRooms(SiteCase):
    """Each user asks for the same rooms."""

    def ask(self, user: str, *rooms: object) -> list[Any]:
        with self.set_user(user):
            answer = snapshot(json.dumps(rooms))
        self.assertIn(answer["server"], (True, False))
        told = answer["rooms"]
        assert isinstance(told, list)
        return [room.get("reason", room.get("state")) for room in told]

    def test_counts_by_their_scope(self) -> None:
        name = frappe.generate_hash()
        scopes = ("website", "site", f"user:{BOB}", "doctype:Error Log")
        for number, scope in enumerate(scopes):
            counts.set(name, number, scope=scope)
        asked = [f"count:{scope}/{name}" for scope in scopes]
        no = "not permitted"
        self.assertEqual(self.ask(BOB, *asked), [{"value": 0}, no, {"value": 2}, no])
        self.assertEqual(self.ask("Guest", *asked), [{"value": 0}, no, no, no])
        self.assertEqual(self.ask(ANN, *asked), [{"value": 0}, {"value": 1}, no, {"value": 3}])

    def test_a_task_is_its_owners_and_its_readers(self) -> None:
        name = todo(ANN)
        with Task("Import", user="Administrator", doctype="ToDo", name=name) as task:
            pass
        room = f"task:{task.id}"
        for user in (ANN, "Administrator"):
            self.assertEqual(self.ask(user, room)[0]["state"], "done")
        self.assertEqual(self.ask(BOB, room, "task:unknown"), ["not permitted"] * 2)
        with Task("Own", user=BOB) as task:
            pass
        self.assertEqual(self.ask(BOB, f"task:{task.id}")[0]["state"], "done")
        self.assertEqual(self.ask(ANN, f"task:{task.id}", f"tasks:{BOB}"), ["not permitted"] * 2)
        self.assertIn(task.id, self.ask(BOB, f"tasks:{BOB}")[0])

    def test_live_queries_count_what_this_user_may_see(self) -> None:
        room = f'query:User/[["User","name","=","{ANN}"]]'
        self.assertEqual(self.ask(ANN, room), [{"value": 1}])
        self.assertEqual(self.ask(BOB, room, "query:Error Log/"), [{"value": 0}, "not permitted"])
        self.assertEqual(self.ask(ANN, 'query:User/{"nothing":1}'), ["bad filters"])

    def test_what_is_no_room_is_named(self) -> None:
        self.assertEqual(self.ask(ANN, "", "nothing", 7), ["no such room"] * 3)
        with self.assertRaises(frappe.ValidationError):
            snapshot(["online"] * (MOST + 1))

    def test_tasks_that_run_are_counted(self) -> None:
        with self.set_user(ANN):
            before = count_running()
            with Task("Long"):
                self.assertEqual(count_running(), before + 1)
            self.assertEqual(count_running(), before)
        self.assertEqual(counts.get(RUNNING), before)
        with self.set_user(BOB), self.refused("Only System Managers"):
            count_running()

"""What the app brings into a site, and that it leaves nothing there that is its own."""

from __future__ import annotations

import json

import frappe

from presence_progress import Task, context, counts, keys
from presence_progress.site import install, settings
from presence_progress.site.presence import INVISIBLE, set_invisible
from presence_progress.site.tests.case import ANN, SiteCase
from presence_progress.site.workspace import BLOCK


class TestInstall(SiteCase):
    """Only what is put back at once is taken away here."""

    def test_the_workspace_has_its_numbers(self) -> None:
        workspace = frappe.get_doc("Workspace", "Realtime")
        blocks = [block.custom_block_name for block in workspace.custom_blocks]
        shown = [part["data"] for part in json.loads(workspace.content)]
        self.assertEqual(blocks, [BLOCK])
        self.assertIn(BLOCK, [data.get("custom_block_name") for data in shown])
        self.assertIn("<live-count", frappe.db.get_value("Custom HTML Block", BLOCK, "html"))
        self.assertEqual([role.role for role in workspace.roles], ["System Manager"])

    def test_redis_forgets_a_site_and_no_other(self) -> None:
        site, client = frappe.local.site, context.redis()
        others = keys.room_key(f"{site}.org", "count:site/kept")
        client.hset(others, "value", 1)
        self.addCleanup(client.delete, others)
        counts.set("gone", 3)
        with Task("Gone") as task:
            place = keys.place(site, keys.task_room(task.id))
            self.assertIsNotNone(client.zscore(keys.DUE, place))
            install.forget_rooms(site)
            self.assertIsNone(client.zscore(keys.DUE, place))
        install.forget_rooms(site)
        self.assertEqual(counts.get("gone"), 0)
        self.assertTrue(client.exists(others))

    def test_nothing_of_it_stays(self) -> None:
        with self.set_user(ANN):
            set_invisible(True)
        frappe.get_doc(settings.DOCTYPE).save()
        kept = frappe.get_doc("Custom HTML Block", BLOCK).as_dict()
        commit, frappe.db.commit = frappe.db.commit, lambda: None
        try:
            install.before_uninstall()
        finally:
            frappe.db.commit = commit
        self.assertFalse(frappe.db.exists("DefaultValue", {"defkey": INVISIBLE}))
        self.assertFalse(frappe.db.exists("Logs To Clear", {"ref_doctype": context.TASK}))
        self.assertFalse(frappe.db.exists("Custom HTML Block", BLOCK))
        self.assertEqual(frappe.db.get_singles_dict(settings.DOCTYPE), {})
        frappe.db.rollback()
        frappe.clear_cache()
        self.assertEqual(frappe.get_doc("Custom HTML Block", BLOCK).name, kept.name)

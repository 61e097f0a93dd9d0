"""Realtime Settings: what is set in Desk is where the server reads it, and in Log Settings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from unittest.mock import patch

import frappe

from presence_progress.site import settings
from presence_progress.site.boot import extend_bootinfo
from presence_progress.site.install import after_migrate
from presence_progress.site.tests.case import ANN, BOB, SiteCase
from presence_progress.site_rules import SETTINGS_FILE, PresenceRules, read_rules


class TestSettings(SiteCase):
    """The site's own settings are put back."""

    def setUp(self) -> None:
        super().setUp()
        kept = frappe.db.get_singles_dict(settings.DOCTYPE)
        days = settings.history_days()
        self.addCleanup(self.put_back, kept, days)
        frappe.db.delete("Singles", {"doctype": settings.DOCTYPE})
        frappe.clear_document_cache(settings.DOCTYPE, settings.DOCTYPE)

    def put_back(self, kept: dict[str, Any], days: int) -> None:
        frappe.db.rollback()
        frappe.db.delete("Singles", {"doctype": settings.DOCTYPE})
        if kept:
            frappe.db.set_single_value(settings.DOCTYPE, kept)
        settings.keep_history_for(days)
        frappe.db.commit()
        settings.write_file()

    def file(self) -> Path:
        return Path(frappe.get_site_path(SETTINGS_FILE))

    def save(self, **values: object) -> Any:
        doc = frappe.get_doc(settings.DOCTYPE)
        doc.update(values)
        doc.save()
        return doc

    def test_the_defaults_are_those_of_the_server(self) -> None:
        fields = {field.fieldname: field for field in frappe.get_meta(settings.DOCTYPE).fields}
        defaults = {
            f"presence_progress_{name}": fields[name].default for name in vars(PresenceRules())
        }
        self.assertEqual(read_rules(defaults), vars(PresenceRules()))
        self.assertEqual(settings.rules(), PresenceRules())
        self.assertTrue(all(f.description for f in fields.values() if f.fieldtype[-5:] != "Break"))

    def test_the_server_reads_it_once_it_is_committed(self) -> None:
        settings.write_file()
        self.save(guests=1, online="all")
        self.assertFalse(self.file().exists())
        frappe.db.commit()
        told = json.loads(self.file().read_text())
        self.assertEqual(read_rules(told)["online"], "all")
        self.assertEqual(settings.rules(), PresenceRules(guests=True, online="all"))

    def test_what_the_configuration_says_wins_and_is_shown(self) -> None:
        self.save(guests=1)
        with patch.dict(frappe.conf, presence_progress_guests=0):
            self.assertEqual(settings.rules(), PresenceRules())
            self.assertIn(
                "presence_progress_guests = 0", frappe.get_doc(settings.DOCTYPE).overridden
            )
        self.assertEqual(frappe.get_doc(settings.DOCTYPE).overridden, "")

    def test_a_restored_backup_is_told_by_migrate(self) -> None:
        self.save(move=0)
        frappe.db.commit()
        frappe.db.set_single_value(settings.DOCTYPE, "move", 1)
        after_migrate()
        self.assertEqual(json.loads(self.file().read_text())["presence_progress_move"], "1")

    def test_days_of_history_are_those_of_log_settings(self) -> None:
        self.save(history_days=12)
        logs = {row.ref_doctype: row.days for row in frappe.get_doc("Log Settings").logs_to_clear}
        self.assertEqual(logs["Realtime Task"], 12)
        settings.keep_history_for(13)
        doc = frappe.get_doc(settings.DOCTYPE)
        doc.run_method("onload")
        self.assertEqual(doc.history_days, 13)
        with self.assertRaises(frappe.ValidationError):
            self.save(history_days=0)

    def test_only_system_managers_set_it(self) -> None:
        self.assertTrue(frappe.has_permission(settings.DOCTYPE, "write", user=ANN))
        self.assertFalse(frappe.has_permission(settings.DOCTYPE, "read", user=BOB))

    def test_desk_is_told(self) -> None:
        self.save(presence=0, progress_in_tray=0)
        boot = frappe._dict()
        extend_bootinfo(boot)
        told = boot.presence_progress
        self.assertEqual((told["presence"], told["progress_in_tray"]), (False, False))
        self.assertIn(told["server"], (True, False))

"""What the realtime server is told of sessions: which there are, and whose has ended."""

from __future__ import annotations

from unittest.mock import patch

import frappe
from frappe.core.doctype.activity_log.feed import logout_feed

from presence_progress.site import rights
from presence_progress.site.tests.case import ANN, BOB, SiteCase


class TestRights(SiteCase):
    """An administrator ends what is others'."""

    def test_a_session_of_a_user_who_is_disabled_has_ended(self) -> None:
        sids = {ANN: frappe.generate_hash(), BOB: frappe.generate_hash()}
        table = frappe.qb.DocType("Sessions")
        for user, sid in sids.items():
            columns = frappe.qb.into(table).columns(table.sid, table.user, table.lastupdate)
            columns.insert(sid, user, frappe.utils.now()).run()
        types = {user: frappe.db.get_value("User", user, "user_type") for user in sids}
        both = {(sids[user], user, types[user]) for user in sids}
        self.assertEqual({*map(tuple, rights._users_of([*sids.values()]))}, both)
        frappe.db.set_value("User", BOB, "enabled", 0)
        only_ann = [(sids[ANN], ANN, types[ANN])]
        self.assertEqual([*map(tuple, rights._users_of([*sids.values()]))], only_ann)

    def test_whose_session_has_ended_is_told_whoever_has_ended_it(self) -> None:
        with patch("frappe.publish_realtime") as publish:
            logout_feed(BOB, "Session Expired")
        publish.assert_any_call("presence_rights", {"user": BOB}, user=BOB, after_commit=True)

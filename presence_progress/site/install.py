"""What the app leaves in a site beside its DocTypes, and takes away again.

Its Workspace and its DocTypes, with all rows, Frappe deletes itself: they belong to its module.
"""

from __future__ import annotations

from typing import Any

import frappe

from presence_progress import context, keys
from presence_progress.cluster import Cluster
from presence_progress.site import settings
from presence_progress.site.presence import INVISIBLE
from presence_progress.site.workspace import BLOCK

_AT_ONCE = 500


def after_migrate() -> None:
    """Write for the realtime server what is set in this database: it may be a restored one."""
    settings.write_file()


def before_uninstall() -> None:
    """Take away what Frappe does not know to be ours."""
    frappe.db.delete("DefaultValue", {"defkey": INVISIBLE})
    frappe.db.delete("Logs To Clear", {"ref_doctype": context.TASK})
    # Of a DocType with one document Frappe leaves its values, and of every one who has changed it.
    frappe.db.delete("Singles", {"doctype": settings.DOCTYPE})
    frappe.db.delete("Version", {"ref_doctype": ["in", [settings.DOCTYPE, context.TASK]]})
    frappe.delete_doc("Custom HTML Block", BLOCK, ignore_missing=True, force=True)
    frappe.clear_cache()
    settings.remove_file()
    forget_rooms(frappe.local.site)


def forget_rooms(site: str) -> None:
    """Delete all that Redis knows of a site: rooms, tasks, paces, what is due.

    A realtime server that runs has it all anew within seconds, of whoever is still there. In a
    cluster it is left to its time to live.
    """
    client = context.store()
    if isinstance(client, Cluster):
        return
    escaped = "".join(f"\\{letter}" if letter in "*?[]^-\\" else letter for letter in site)
    patterns = (
        f"{keys.PREFIX}{{{escaped}/*",
        f"{keys.PREFIX}pace:{escaped}:*",
        f"{keys.PREFIX}ran:{escaped}:*",
    )
    for pattern in patterns:
        _delete(client, client.scan_iter(pattern, count=_AT_ONCE))
    due = [place for place, _ in client.zscan_iter(keys.DUE, f"{escaped}/*", count=_AT_ONCE)]
    if due:
        client.zrem(keys.DUE, *due)


def _delete(client: Any, found: Any) -> None:
    for key in list(found):
        client.unlink(key)

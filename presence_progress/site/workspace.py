"""The numbers of the Workspace "Realtime" that no page can work out by itself."""

from __future__ import annotations

import json
from typing import Any

import frappe
from frappe import _

from presence_progress import context, counts, keys
from presence_progress.task_record import ENDED

BLOCK = "Realtime Numbers"
"""The Custom HTML Block of the Workspace (``fixtures/custom_html_block.json``)."""
RUNNING = "presence_progress_running"
"""The kept count that shows how many tasks run."""


@frappe.whitelist()  # type: ignore[untyped-decorator]
def count_running() -> int:
    """Count the tasks of this site that run now, and show it to all who look at the count.

    They are counted, not added up: whatever has crashed meanwhile, the number is right again.
    Raises ``PermissionError`` for whoever is no System Manager.
    """
    if "System Manager" not in frappe.get_roles():
        frappe.throw(_("Only System Managers may see this."), frappe.PermissionError)
    running = sum(is_running(task) for task in _known_tasks())
    counts.set(RUNNING, running, scope="site")
    return running


def is_running(task: dict[str, Any]) -> bool:
    """Return whether a task has begun and not ended, by the fields of its room."""
    return task.get("state") not in (None, "queued", *ENDED)


def _known_tasks() -> list[dict[str, Any]]:
    """Return the states of the tasks that servers look after: all that run are among them."""
    client, site = context.store(), frappe.local.site
    places = client.execute_command("ZRANGE", keys.DUE, 0, -1)
    found = [keys.read_place(place.decode()) for place in places]
    tasks = [room for of_site, room in found if of_site == site and room.startswith("task:")]
    states = (client.execute_command("HGET", keys.room_key(site, room), "state") for room in tasks)
    return [{"state": json.loads(state)} for state in states if state]

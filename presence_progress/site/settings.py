"""Which settings hold in this site: those of the DocType Realtime Settings, and over them the keys
of ``common_site_config.json`` and ``site_config.json``.

The realtime server asks no site for them. What is set in Desk is written into a file in the site's
folder, where it looks every two seconds, as it does at ``site_config.json``.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import frappe

from presence_progress import context
from presence_progress.site_rules import (
    KEYS,
    SETTINGS_FILE,
    PresenceRules,
    read_rules,
    read_switch,
)

DOCTYPE = "Realtime Settings"
PROGRESS_IN_TRAY = "presence_progress_progress_in_tray"
DAYS = 30
"""Of history, as long as nobody has said anything else; ``hooks.py`` says so, too."""


def rules() -> PresenceRules:
    """Return what holds for presence, as the realtime server works it out."""
    told = {**read_rules(_stored()), **read_rules(frappe.conf)}
    return replace(PresenceRules(), **told)


def is_progress_in_tray() -> bool:
    """Return whether Frappe's own progress goes to the tray of tasks."""
    for told in (frappe.conf, _stored()):
        try:
            return read_switch(told.get(PROGRESS_IN_TRAY))
        except ValueError:
            continue
    return True


def overrides() -> dict[str, Any]:
    """Return the keys that the configuration has, of those that can be set in Desk as well."""
    keys = (*KEYS, PROGRESS_IN_TRAY)
    return {key: frappe.conf[key] for key in keys if frappe.conf.get(key) not in (None, "")}


def tell_server() -> None:
    """Write what is set in Desk where the realtime server reads it, once it is committed."""
    frappe.db.after_commit.add(write_file)


def write_file() -> None:
    """Write it now; after a restored backup, for instance, the file may say something else."""
    stored = _stored()
    text = json.dumps({key: stored[key] for key in KEYS if key in stored}, indent=1)
    path = _file()
    if not stored:
        path.unlink(missing_ok=True)
    elif not path.exists() or path.read_text("utf-8") != text:
        # A new file in the place of the old one: no reader sees half of it.
        new = path.with_suffix(".new")
        new.write_text(text, "utf-8")
        new.replace(path)


def remove_file() -> None:
    """Leave nothing of it behind."""
    _file().unlink(missing_ok=True)


def history_days() -> int:
    """Return for how many days a task is remembered."""
    days = frappe.db.get_value("Logs To Clear", {"ref_doctype": context.TASK}, "days")
    return int(days or DAYS)


def keep_history_for(days: int) -> None:
    """Have Frappe's own log clearing remember tasks for so many days."""
    if days == history_days():
        return
    log_settings = frappe.get_doc("Log Settings")
    log_settings.register_doctype(context.TASK, days)
    log_settings.save(ignore_permissions=True)


def _stored() -> dict[str, Any]:
    """Return what is set in Desk, by the keys of a configuration; nothing for what was never
    saved, so that a default may become another one."""
    single = frappe.db.get_singles_dict(DOCTYPE)
    return {f"presence_progress_{name}": value for name, value in single.items()}


def _file() -> Path:
    return Path(frappe.get_site_path(SETTINGS_FILE))

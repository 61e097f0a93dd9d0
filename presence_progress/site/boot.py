"""What a page of Desk is told with its first answer: ``frappe.boot.presence_progress``."""

from __future__ import annotations

from typing import Any

from redis.exceptions import RedisError

from presence_progress.site import settings
from presence_progress.site.rooms import has_server


def extend_bootinfo(bootinfo: Any) -> None:
    """Add what our script in Desk decides by."""
    bootinfo.presence_progress = {
        "presence": settings.rules().presence,
        "progress_in_tray": settings.is_progress_in_tray(),
        "server": _has_server(),
    }


def _has_server() -> bool:
    """Return whether a realtime server of ours runs; as if it did while nobody can tell."""
    try:
        return has_server()
    except (RedisError, OSError):
        return True

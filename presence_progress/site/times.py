"""Moments as Frappe stores them: in the site's time zone, without naming it."""

from __future__ import annotations

from datetime import datetime, timezone
from zoneinfo import ZoneInfo

from frappe.utils import convert_utc_to_system_timezone, get_system_timezone


def site_time(seconds: float) -> datetime:
    """Return a moment, seconds since 1970, as Frappe stores it."""
    utc = datetime.fromtimestamp(seconds, timezone.utc)
    local: datetime = convert_utc_to_system_timezone(utc)
    return local.replace(tzinfo=None)


def milliseconds(stored: datetime | None) -> int | None:
    """Return a stored moment as ms since 1970."""
    if stored is None:
        return None
    return round(stored.replace(tzinfo=ZoneInfo(get_system_timezone())).timestamp() * 1000)

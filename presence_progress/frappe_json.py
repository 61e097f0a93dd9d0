"""What JSON has no word for, as ``frappe.as_json`` writes it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import PurePath
from typing import Any
from uuid import UUID


def default(value: Any) -> Any:
    """Return what stands for a value: ``default`` of ``json.dumps``. ``TypeError`` when nothing
    does."""
    if isinstance(value, (date, datetime, time, UUID, PurePath)):
        return str(value)
    if isinstance(value, timedelta):
        return _hours(value)
    if isinstance(value, Decimal):
        return float(value)
    if hasattr(value, "__json__"):
        return value.__json__()
    if isinstance(value, Iterable):
        return list(value)
    if isinstance(value, Exception) or callable(value):
        return repr(value)
    raise TypeError(f"a {type(value).__name__} is not JSON")


def _hours(duration: timedelta) -> str:
    """Return hours, minutes and seconds: ``1:02:03``; the day is 24 of the hours."""
    hours, rest = divmod(duration.total_seconds(), 3600)
    minutes, seconds = divmod(rest, 60)
    exact = round(seconds, 6)
    return f"{int(hours)}:{int(minutes):02}:{int(seconds) if exact == int(seconds) else exact:02}"

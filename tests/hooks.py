"""What an app would name in its hooks.py: functions that a worker runs."""

from __future__ import annotations

import json
from datetime import datetime

from presence_progress import context

NOTED = "tests:noted"


def note(doctype: str, name: str, user: str, at: datetime) -> None:
    """Note a call where a test can read it."""
    entry = [doctype, name, user, at.timestamp(), context.user()]
    context.redis().rpush(NOTED, json.dumps(entry))


def fail(doctype: str, name: str, user: str, at: datetime) -> None:
    raise ValueError("an app's own trouble")

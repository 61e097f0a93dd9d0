"""The article's own job: it counts to a hundred and tells it by Frappe's plain event, which nothing
keeps."""

from __future__ import annotations

import time

from presence_progress import context, counts, progress

_STEP = 0.05
"""Seconds between two numbers: twenty a second can still be read."""


def count_to_hundred() -> None:
    """Send the events ``count`` from 0 to 99 to the user who started the job."""
    for number in progress.track(range(100)):
        counts.publish_realtime(event="count", user=context.user(), message={"count": number})
        time.sleep(_STEP)

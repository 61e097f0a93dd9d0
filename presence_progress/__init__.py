"""Live presence, progress and counts for Frappe: a room keeps its state.

Reading starts in :mod:`presence_progress.presence`, :mod:`presence_progress.progress` and
:mod:`presence_progress.counts`; all three stand on :mod:`presence_progress.rooms`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from presence_progress.progress import (
        Task,
        TaskCancelled,
        cancel,
        current_task,
        enqueue,
        retry,
        track,
    )

__version__ = "0.1.0"

__all__ = ["Task", "TaskCancelled", "cancel", "current_task", "enqueue", "retry", "track"]


def __getattr__(name: str) -> Any:
    """Import what is asked for when it is: Frappe imports this package at each start, for its hooks
    alone."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module("presence_progress.progress"), name)

"""Live presence, progress and counts for Frappe: a room keeps its state.

Reading starts in :mod:`presence_progress.presence`, :mod:`presence_progress.progress` and
:mod:`presence_progress.counts`; all three stand on :mod:`presence_progress.rooms`.
"""

__version__ = "0.1.0"

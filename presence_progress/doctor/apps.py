"""Which apps bring events of their own that only Node can run?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from presence_progress.bench import apps_of
from presence_progress.doctor.finding import Finding, fine, warning

_HOOK = "presence_progress_events"
"""Where an app names events of its own that this server has."""


def check_handlers(bench: Path) -> Iterator[Finding]:
    """Name the apps whose ``realtime/handlers.js`` this server does not run."""
    # Frappe's own are the events that this server has, too.
    others = [app for app in apps_of(bench) if app != "frappe"]
    with_node = [app for app in others if (bench / "apps" / app / "realtime/handlers.js").exists()]
    for app in with_node:
        if _has_events_for_us(bench, app):
            yield fine(f"{app} has events for Node (realtime/handlers.js), and others for here.")
            continue
        yield warning(
            f"{app} has events of its own (realtime/handlers.js), which only Node runs: with this "
            "server they are not there.",
            f"Keep Node where the events of {app} are needed, or ask its makers for Python ones "
            f"({_HOOK} in its hooks.py).",
        )
    if not with_node:
        yield fine("No app has events that only Node runs.")


def _has_events_for_us(bench: Path, app: str) -> bool:
    try:
        return _HOOK in (bench / "apps" / app / app / "hooks.py").read_text("utf-8")
    except OSError:
        return False

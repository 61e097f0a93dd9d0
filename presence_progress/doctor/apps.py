"""Which apps bring events of their own that only Frappe's servers run?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from presence_progress.bench import EVENTS_HOOK, events_of_other_servers
from presence_progress.doctor.finding import Finding, fine, warning


def check_handlers(bench: Path) -> Iterator[Finding]:
    """Name the apps whose own events this server does not run."""
    others = events_of_other_servers(bench)
    for app, file in others.items():
        server = "Node" if file.endswith(".js") else "Frappe's own Python server"
        yield warning(
            f"{app} has events of its own ({file}), which only {server} runs: with this server "
            "they are not there.",
            f"Keep {server} where the events of {app} are needed, or ask its makers for ones that "
            f"run here ({EVENTS_HOOK} in its hooks.py).",
        )
    if not others:
        yield fine("No app has events that only Frappe's own servers run.")

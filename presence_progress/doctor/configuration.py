"""Can the settings be read, and is it this server that the bench starts?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from presence_progress.bench import BadSetting, read_settings
from presence_progress.doctor.finding import Finding, fine, problem, skipped, warning
from presence_progress.doctor.redis_server import where
from presence_progress.process_lines import Server
from presence_progress.switch import SwitchError, process_files, serve_command, starts


def check_settings(bench: Path) -> Iterator[Finding]:
    """Say what the server would be told."""
    try:
        settings = read_settings(bench)
    except BadSetting as error:
        yield problem(str(error), "Correct it there, and look again.")
        return
    listens = f"on {settings.uds}" if settings.uds else f"on port {settings.port}"
    yield fine(f"Listens {listens}, with {where(settings)} and Frappe at {settings.site_url}.")


def check_started(bench: Path) -> Iterator[Finding]:
    """Say which realtime server the bench starts, and whether it can start this one."""
    try:
        serve_command(bench)
    except SwitchError as error:
        yield problem("The bench could not start this server.", str(error))
    try:
        started = starts(process_files(bench))
    except SwitchError as error:
        yield problem(str(error), "Make it readable for the user of the bench.")
        return
    if started == {Server.OURS}:
        yield fine("The bench starts presence_progress.")
    elif Server.OURS in started:
        yield warning(
            "Some of the bench's process files start presence_progress, and some do not.",
            "bench presence-progress switch --check says which; switch changes the rest.",
        )
    elif started:
        names = " and ".join(sorted(server.value for server in started))
        yield fine(f"The bench starts {names}; bench presence-progress switch changes that.")
    else:
        yield skipped("No process file of this bench starts a realtime server.")

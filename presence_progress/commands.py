"""What Frappe's bench loads: ``bench presence-progress …``, in the folder ``sites``."""

from __future__ import annotations

import click

from presence_progress.bench_commands import doctor, switch
from presence_progress.cli import serve


@click.group("presence-progress", commands=[serve, switch, doctor])
def presence_progress() -> None:
    """Live presence, progress and counts: the realtime server of this bench."""


commands = [presence_progress]

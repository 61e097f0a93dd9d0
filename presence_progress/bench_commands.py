"""The commands ``switch`` and ``doctor``: what a person reads, and is asked.

What they say comes from :mod:`presence_progress.switch` and :mod:`presence_progress.doctor`, which
neither ask nor print.
"""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from presence_progress.bench import BadSetting, find_bench

if TYPE_CHECKING:
    from presence_progress.doctor import Finding
    from presence_progress.switch import Change, ProcessFile

_TITLE = 12
"""Columns for the title of a check."""


@click.command()
@click.option("--back", is_flag=True, help="Put back what the bench started before.")
@click.option("--check", is_flag=True, help="Only say which realtime server the bench would start.")
@click.option("--dry-run", is_flag=True, help="Only show what would be changed.")
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
def switch(back: bool, check: bool, dry_run: bool, yes: bool) -> None:
    """Make the bench start this realtime server in place of Frappe's.

    It changes one command in the Procfile, and in the files of supervisor and systemd where there
    are any; a backup stays beside each.
    """
    if check and (back or dry_run or yes):
        raise click.UsageError("--check only looks: give it alone.")
    bench = _bench()
    from presence_progress import switch as files_of
    from presence_progress.process_lines import Server

    try:
        files = files_of.process_files(bench)
        _require_lines(files, bench)
        if check:
            _say_servers(files, bench)
            raise SystemExit(0 if files_of.starts(files) == {Server.OURS} else 1)
        changes = files_of.plan_back(files) if back else files_of.plan_switch(files, bench)
        if not changes:
            click.echo(
                "The bench does not start presence_progress: there is nothing to put back."
                if back
                else "The bench starts presence_progress already."
            )
            return
        for change in changes:
            _show(change)
        if not back:
            _warn_of_handlers(bench)
        if dry_run:
            click.echo("Nothing is changed: this was --dry-run.")
            return
        files_of.require_writable(changes)
        _require_yes(yes)
        backups = [None if back else files_of.save_backup(change) for change in changes]
        for change in changes:
            files_of.write(change)
    except files_of.SwitchError as error:
        raise click.ClickException(str(error)) from None
    _say_done(changes, backups, bench, back=back)


@click.command()
def doctor() -> None:
    """Look for what keeps the realtime server of a bench from working, and say the way out.

    It changes nothing, and ends with 1 when there is a problem; a warning is none.
    """
    bench = _bench()
    from presence_progress.doctor import CHECKS, Mark, examine

    marks = []
    click.secho(f"{'Bench':{_TITLE}}  ", bold=True, nl=False)
    click.echo(f"{bench}\n")
    for check in CHECKS:
        # The title first: whoever waits shall see what for.
        click.secho(f"{check.title:{_TITLE}}", bold=True, nl=False)
        begun = True
        for finding in examine(check, bench):
            _say(finding, _TITLE, begun=begun)
            begun = False
            marks.append(finding.mark)
    problems, warnings = marks.count(Mark.PROBLEM), marks.count(Mark.WARNING)
    click.echo(f"\n{_count(problems, 'problem')}, {_count(warnings, 'warning')}.")
    if problems:
        raise SystemExit(1)


# --- switch --------------------------------------------------------------------------------------


def _bench() -> Path:
    try:
        bench = find_bench()
    except BadSetting as error:
        raise click.ClickException(str(error)) from None
    if bench is None:
        raise click.ClickException(
            f"{Path.cwd()} is in no bench: go to the folder of one (it has sites and apps in it), "
            "or name it by FRAPPE_BENCH_ROOT."
        )
    return bench


def _require_lines(files: Sequence[ProcessFile], bench: Path) -> None:
    """Fail, and say what to do instead, when nothing starts a realtime server here."""
    from presence_progress.switch import LOOKED_FOR, SwitchError, absolute_command

    if any(file.lines for file in files):
        return
    if files:
        names = " and ".join(_short(file.path, bench) for file in files)
        raise SwitchError(
            f"{names} of {bench} starts no realtime server: bench setup {files[0].form.value} "
            "writes the line, and then this can change it."
        )
    raise SwitchError(
        f"Nothing in {bench} starts processes (looked for: {', '.join(LOOKED_FOR)}). In a "
        f"container, make this the command of the websocket service: {absolute_command(bench)}"
    )


def _say_servers(files: Sequence[ProcessFile], bench: Path) -> None:
    from presence_progress.process_lines import Server

    rows = []
    for file in files:
        place = _short(file.path, bench)
        rows += [(f"{place}, line {line.number}", line.server.value) for line in file.lines]
        if not file.lines:
            rows.append((place, "no realtime server"))
    width = max(len(place) for place, _ in rows)
    for place, started in rows:
        colour = "green" if started == Server.OURS.value else "yellow"
        click.echo(f"{place:{width}}  {click.style(started, fg=colour)}")


def _show(change: Change) -> None:
    for line in change.diff:
        colour = {"+": "green", "-": "red", "@": "cyan"}.get(line[0])
        click.secho(_printable(line), fg=None if line[:3] in ("+++", "---") else colour)
    click.echo()


def _warn_of_handlers(bench: Path) -> None:
    """Name the apps that lose something, before it is lost."""
    from presence_progress.doctor import Mark, apps

    for finding in apps.check_handlers(bench):
        if finding.mark is not Mark.FINE:
            _say(finding)
            click.echo()


def _require_yes(yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise click.ClickException(
            "Nothing is changed, since there is no terminal to ask on: give --yes to change it, "
            "--dry-run to look only."
        )
    click.confirm("Change this?", abort=True)


def _say_done(
    changes: Sequence[Change], backups: Sequence[Path | None], bench: Path, *, back: bool
) -> None:
    for change, backup in zip(changes, backups, strict=True):
        kept = f" What it was is in {_short(backup, bench)}." if backup else ""
        click.echo(click.style(f"Changed {_short(change.file.path, bench)}.", fg="green") + kept)
    click.echo("\nThe server that runs now goes on running. To change it over:")
    for restart in dict.fromkeys(_restart(change.file) for change in changes):
        click.echo(f"  {restart}")
    if not back:
        click.echo("\nWhat brings Frappe's server back:\n  bench presence-progress switch --back")
        for form in dict.fromkeys(change.file.form for change in changes):
            click.echo(f"  bench setup {form.value} (switch again after it)")


def _restart(file: ProcessFile) -> str:
    """Return how the processes of a file are started anew."""
    from presence_progress.process_lines import Form

    if file.form is Form.PROCFILE:
        return "Ctrl-C where bench start runs, and bench start again"
    if file.form is Form.SUPERVISOR:
        return "sudo supervisorctl reread && sudo supervisorctl update"
    path = file.path
    unit = path.name if path.suffix == ".service" else path.parent.name.removesuffix(".d")
    return f"sudo systemctl daemon-reload && sudo systemctl restart {unit}"


def _short(path: Path, bench: Path) -> str:
    return str(path.relative_to(bench) if path.is_relative_to(bench) else path)


def _printable(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")


# --- findings ------------------------------------------------------------------------------------


def _say(finding: Finding, margin: int = 0, *, begun: bool = False) -> None:
    """Print a finding, and the way out below it; ``begun``: the margin is written already."""
    from presence_progress.doctor import Mark

    sign, colour = {
        Mark.FINE: ("✓", "green"),
        Mark.WARNING: ("!", "yellow"),
        Mark.PROBLEM: ("✗", "red"),
        Mark.SKIPPED: ("·", "bright_black"),
    }[finding.mark]
    sign = click.style(sign, fg=colour, bold=True)
    click.echo(f"{'' if begun else ' ' * margin}{sign} {_wrapped(finding.text, margin + 2)}")
    if finding.way_out:
        click.echo(f"{' ' * margin}  → {_wrapped(finding.way_out, margin + 4)}")


def _wrapped(text: str, margin: int) -> str:
    """Break a text at the width of the terminal; where there is none, lines stay whole."""
    if not sys.stdout.isatty():
        return text
    width = max(min(shutil.get_terminal_size().columns, 100) - margin, 30)
    return f"\n{' ' * margin}".join(
        textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)
    )


def _count(number: int, noun: str) -> str:
    return f"{number or 'no'} {noun}{'' if number == 1 else 's'}"

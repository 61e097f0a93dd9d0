"""Makes a bench start this realtime server in place of Frappe's, and back.

It decides which process files there are and what shall stand in them, and writes them: whole, with
a backup beside each, and without touching anything else in them. It asks nobody and prints
nothing.
"""

from __future__ import annotations

import contextlib
import difflib
import os
import shlex
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from presence_progress.process_lines import Form, Line, Server, find_lines, replace_commands

BACKUP_SUFFIX = ".before-presence-progress"

ETC = Path("/etc")

_PLACES = (
    (Form.SUPERVISOR, "supervisor/conf.d/*.conf"),
    (Form.SUPERVISOR, "supervisord.d/*.ini"),
    (Form.SUPERVISOR, "supervisord.d/*.conf"),
    (Form.SUPERVISOR, "supervisord.conf"),
    (Form.SYSTEMD, "systemd/system/*.service"),
    (Form.SYSTEMD, "systemd/system/*.service.d/*.conf"),
)
"""Under /etc, where a file is about this bench only if it names it."""

LOOKED_FOR = (
    "Procfile",
    "config/supervisor.conf",
    "config/systemd/*.service",
    *(f"{ETC}/{pattern}" for _, pattern in _PLACES),
)


class SwitchError(Exception):
    """Why nothing can be switched, and the way out; one sentence for a person."""


@dataclass(frozen=True)
class ProcessFile:
    """A file that starts processes of a bench; ``lines`` are those of its realtime servers."""

    path: Path
    form: Form
    text: str
    lines: list[Line]


@dataclass(frozen=True)
class Change:
    """What a file shall hold."""

    file: ProcessFile
    text: str

    @property
    def diff(self) -> list[str]:
        """The difference, as ``diff -u`` shows it."""
        before, after = self.file.text.splitlines(), self.text.splitlines()
        path = str(self.file.path)
        return list(difflib.unified_diff(before, after, path, path, n=2, lineterm=""))


# --- what there is -------------------------------------------------------------------------------


def process_files(bench: Path) -> list[ProcessFile]:
    """Return a bench's process files, each once, whatever links to it."""
    found: dict[Path, ProcessFile] = {}
    for path, form in _own(bench):
        if path.resolve() not in found:
            found[path.resolve()] = _read(path, form)
    for form, pattern in _PLACES:
        for path in sorted(ETC.glob(pattern)):
            # One that cannot be read is another's: bench's own can be read by everybody.
            with contextlib.suppress(SwitchError):
                if path.resolve() not in found and path.is_file():
                    file = _read(path, form, str(bench))
                    if file.lines:
                        found[path.resolve()] = file
    return list(found.values())


def starts(files: Sequence[ProcessFile]) -> set[Server]:
    """Return the servers that these files would start."""
    return {line.server for file in files for line in file.lines}


def serve_command(bench: Path) -> str:
    """Return the command, from the folder of the bench, that starts this server in the bench's
    environment."""
    if os.access(bench / "env/bin/presence-progress", os.X_OK):
        return "env/bin/presence-progress serve"
    python = bench / "env/bin/python"
    if not _can_import(python):
        raise SwitchError(
            f"presence_progress is not installed in {bench}/env, from where the server is "
            f"started: run {python} -m pip install -e {bench}/apps/presence_progress first."
        )
    return "env/bin/python -m presence_progress.cli serve"


def absolute_command(bench: Path) -> str:
    """Return the same command with the whole path of the program."""
    program, _, arguments = serve_command(bench).partition(" ")
    return f"{shlex.quote(str(bench / program))} {arguments}"


# --- what there shall be -------------------------------------------------------------------------


def plan_switch(files: Sequence[ProcessFile], bench: Path) -> list[Change]:
    """Return the changes that make the files start this server; none where they do already."""
    changes = []
    for file in files:
        new = {}
        for line in file.lines:
            if line.server is Server.OTHER:
                raise SwitchError(
                    f"Line {line.number} of {file.path} starts neither Frappe's realtime server "
                    f"nor this one ({line.command}): write {absolute_command(bench)} there."
                )
            if line.server is not Server.OURS:
                new[line] = _command_for(file.form, bench)
        if new:
            changes.append(Change(file, replace_commands(file.text, new)))
    return changes


def plan_back(files: Sequence[ProcessFile]) -> list[Change]:
    """Return the changes that put back what was there before, command by command."""
    changes = []
    for file in files:
        ours = [line for line in file.lines if line.server is Server.OURS]
        if ours:
            new = {line: _command_before(file, line) for line in ours}
            changes.append(Change(file, replace_commands(file.text, new)))
    return changes


def _command_for(form: Form, bench: Path) -> str:
    if form is Form.PROCFILE:
        return serve_command(bench)
    # Supervisor and systemd both give the percent sign a meaning of its own.
    return absolute_command(bench).replace("%", "%%")


def _command_before(file: ProcessFile, line: Line) -> str:
    found = _saved_command(file, line)
    if found is None:
        raise SwitchError(
            f"{file.path} has no {file.path.name}{BACKUP_SUFFIX} beside it that says what it "
            f"started before: bench setup {file.form.value} writes it anew, with Frappe's server."
        )
    return found


def _saved_command(file: ProcessFile, line: Line) -> str | None:
    """Return the command of Frappe's that the newest backup has for a process."""
    for backup in reversed(_backups(file.path)):
        for saved in _read(backup, file.form).lines:
            if saved.name == line.name and saved.server not in (Server.OURS, Server.OTHER):
                return saved.command
    return None


# --- files ---------------------------------------------------------------------------------------


def require_writable(changes: Sequence[Change]) -> None:
    """Fail with one sentence, before anything is written, when a file cannot be."""
    for change in changes:
        path = change.file.path.resolve()
        for needed in (path, path.parent):
            if not os.access(needed, os.W_OK):
                raise SwitchError(
                    f"{needed} cannot be written by this user, so that nothing is changed: run the "
                    "same with sudo (sudo env/bin/presence-progress switch …, in the bench)."
                )


def save_backup(change: Change) -> Path | None:
    """Keep what a file starts now beside it; None when a backup says the same already.

    A backup is never overwritten: a file that was written anew in between, and starts something
    else since, gets a second one.
    """
    file = change.file
    news = [line for line in file.lines if line.server is not Server.OURS]
    if all(_saved_command(file, line) == line.command for line in news):
        return None
    taken = len(_backups(file.path))
    number = f".{taken + 1}" if taken else ""
    backup = file.path.with_name(f"{file.path.name}{BACKUP_SUFFIX}{number}")
    _write(backup, file.text, file.path)
    return backup


def write(change: Change) -> None:
    """Write a file, whole or not at all; what links to it still does."""
    path = change.file.path.resolve()
    if _read(path, change.file.form).text != change.file.text:
        raise SwitchError(f"{change.file.path} was changed in the meantime: run this once more.")
    _write(path, change.text, path)


def _backups(path: Path) -> list[Path]:
    """Return the backups of a file, the oldest first."""
    first = path.with_name(path.name + BACKUP_SUFFIX)
    found = [first] if first.exists() else []
    while (following := path.with_name(f"{first.name}.{len(found) + 1}")).exists() and found:
        found.append(following)
    return found


def _own(bench: Path) -> Iterator[tuple[Path, Form]]:
    if (bench / "Procfile").exists():
        yield bench / "Procfile", Form.PROCFILE
    if (bench / "config/supervisor.conf").exists():
        yield bench / "config/supervisor.conf", Form.SUPERVISOR
    for path in sorted((bench / "config/systemd").glob("*-node-socketio.service")):
        yield path, Form.SYSTEMD


def _read(path: Path, form: Form, bench: str = "") -> ProcessFile:
    try:
        # Whatever its bytes and its ends of lines are: they go back as they came.
        with path.open(encoding="utf-8", errors="surrogateescape", newline="") as file:
            text = file.read()
    except OSError as error:
        raise SwitchError(f"{path} cannot be read: {error.strerror}.") from error
    # A drop-in of systemd's stands in a folder that is called after its unit.
    unit = f"{path.parent.name}/{path.name}"
    return ProcessFile(path, form, text, find_lines(text, form, bench, unit))


def _write(path: Path, text: str, like: Path) -> None:
    """Write a file in one step, with the rights and the owner of another."""
    status = like.stat()
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(
                handle, "w", encoding="utf-8", errors="surrogateescape", newline=""
            ) as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).chmod(status.st_mode & 0o7777)
            if (status.st_uid, status.st_gid) != (os.geteuid(), os.getegid()):
                # Only root may give a file away; for anybody else it stays his own.
                with contextlib.suppress(PermissionError):
                    os.chown(temporary, status.st_uid, status.st_gid)
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise SwitchError(f"{path} cannot be written: {error.strerror}.") from error


def _can_import(python: Path) -> bool:
    try:
        probe = [str(python), "-c", "import presence_progress.cli"]
        return subprocess.run(probe, capture_output=True, timeout=9).returncode == 0
    except (OSError, subprocess.SubprocessError):
        return False

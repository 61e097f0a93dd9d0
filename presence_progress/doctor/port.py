"""Is the port free, or who holds it?"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from presence_progress.bench import read_settings
from presence_progress.doctor import web
from presence_progress.doctor.finding import Finding, fine, problem, warning
from presence_progress.process_lines import Server
from presence_progress.settings import Settings
from presence_progress.switch import SwitchError, process_files, starts

PROC = Path("/proc")
_LISTENING = "0A"


@dataclass(frozen=True)
class Holder:
    """The process that listens."""

    pid: int
    command: str

    @property
    def server(self) -> Server:
        if "socketio.js" in self.command:
            return Server.NODE
        if "frappe.realtime.server" in self.command:
            return Server.PYTHON
        ours = "presence-progress" in self.command or "presence_progress" in self.command
        return Server.OURS if ours and "serve" in self.command.split() else Server.OTHER

    def __str__(self) -> str:
        name = self.server.value
        if self.server is Server.OTHER:
            # Without folders: /srv/bench/env/bin/python /srv/bench/env/bin/gunicorn says less.
            words = [Path(word).name if word[0] == "/" else word for word in self.command.split()]
            name = " ".join(words)
            name = name if len(name) <= 60 else name[:59] + "…"
        return f"{name} (pid {self.pid})"


def check_port(bench: Path) -> Iterator[Finding]:
    """Say who listens where the server would."""
    settings = read_settings(bench)
    place = settings.uds or f"port {settings.port}"
    sockets = _sockets_of_file(settings.uds) if settings.uds else _sockets_of_port(settings.port)
    holder = _holder(sockets)
    if holder is not None:
        yield from _judge(holder, place, settings, _is_switched(bench))
    elif sockets or _answers(settings):
        yield from _judge_unseen(place, settings)
    else:
        yield _could_listen(settings, place)


def _judge(holder: Holder, place: str, settings: Settings, switched: bool) -> Iterator[Finding]:
    if holder.server is Server.OURS:
        yield _health(f"{holder} listens on {place}", settings)
    elif holder.server is Server.OTHER:
        way_out = f"Stop it (kill {holder.pid}), or give socketio_port another value"
        if not settings.uds:
            way_out += ", and nginx the same (bench setup nginx)"
        yield problem(f"{holder} listens on {place}.", way_out + ".")
    elif switched:
        yield warning(
            f"{holder} still listens on {place}, and the bench starts presence_progress.",
            "Restart the bench's processes (bench start anew, or sudo supervisorctl update).",
        )
    else:
        yield fine(f"{holder} listens on {place}, as it shall until you switch.")


def _judge_unseen(place: str, settings: Settings) -> Iterator[Finding]:
    """Judge one whose process cannot be seen, because it is another user's or elsewhere."""
    if not settings.uds:
        nothing = _ask(settings, "/")
        if nothing and "presence_progress" in nothing.body:
            yield _health(f"presence_progress listens on {place}", settings)
            return
        packet = _ask(settings, "/socket.io/?EIO=4&transport=polling")
        if packet and packet.body.startswith('0{"sid"'):
            yield fine(f"A Socket.IO server of another user listens on {place}.")
            return
    look = (
        f"sudo lsof {settings.uds}" if settings.uds else f"sudo ss -ltnp sport = :{settings.port}"
    )
    yield problem(
        f"Something that this user cannot see listens on {place}, and it is no Socket.IO server.",
        f"{look} says who; stop it, or give socketio_port another value.",
    )


def _health(who: str, settings: Settings) -> Finding:
    if settings.uds:
        return fine(f"{who}.")
    answer = _ask(settings, "/readyz")
    if answer and answer.status == 200:
        return fine(f"{who}, and is well.")
    said = f"{answer.status}, {answer.body.strip()[:60]}" if answer else "nothing"
    return problem(
        f"{who}, and is not well (/readyz says: {said}).",
        "See its log (logs/node-socketio.error.log, or the terminal of bench start).",
    )


def _could_listen(settings: Settings, place: str) -> Finding:
    """Try what the server will do at its start."""
    try:
        if settings.uds:
            folder = Path(settings.uds).parent
            if not os.access(folder, os.W_OK | os.X_OK):
                raise PermissionError(errno.EACCES, f"{folder} is not writable")
        else:
            family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
            socket.create_server((settings.host, settings.port), family=family).close()
    except OSError as error:
        return problem(
            f"Nothing listens on {place}, and nothing can: {error.strerror or error}.",
            "Give another socketio_port (above 1023), or another presence_progress_host."
            if not settings.uds
            else "Give another socketio_uds, in a folder of the bench's user.",
        )
    return fine(f"Nothing listens on {place}: it is free.")


def _is_switched(bench: Path) -> bool:
    try:
        return starts(process_files(bench)) == {Server.OURS}
    except SwitchError:
        return False


# --- asking the one who listens ------------------------------------------------------------------


def _address(settings: Settings) -> str:
    host = settings.host if settings.host not in ("", "0.0.0.0", "::") else "127.0.0.1"
    return f"[{host}]" if ":" in host else host


def _answers(settings: Settings) -> bool:
    """Return whether somebody listens, as far as a connection tells."""
    try:
        if settings.uds:
            with socket.socket(socket.AF_UNIX) as probe:
                probe.settimeout(1)
                probe.connect(settings.uds)
        else:
            host = _address(settings).strip("[]")
            socket.create_connection((host, settings.port), timeout=1).close()
    except OSError:
        return False
    return True


def _ask(settings: Settings, path: str) -> web.Answer | None:
    try:
        return web.get(f"http://{_address(settings)}:{settings.port}", path, timeout=2)
    except OSError:
        return None


# --- who listens, by Linux's own lists -----------------------------------------------------------


def _sockets_of_port(port: int) -> set[str]:
    """Return the numbers (inodes) of the sockets that listen on a port."""
    found = set()
    for table in ("tcp", "tcp6"):
        for line in _lines(PROC / "net" / table):
            columns = line.split()
            if columns[3] == _LISTENING and int(columns[1].rpartition(":")[2], 16) == port:
                found.add(columns[9])
    return found


def _sockets_of_file(path: str) -> set[str]:
    return {line.split()[6] for line in _lines(PROC / "net" / "unix") if line.endswith(f" {path}")}


def _lines(table: Path) -> list[str]:
    try:
        return table.read_text().splitlines()[1:]
    except OSError:
        return []  # No Linux.


def _holder(sockets: set[str]) -> Holder | None:
    """Return the process that has one of these sockets open, when this user may see it."""
    if not sockets:
        return None
    wanted = {f"socket:[{number}]" for number in sockets}
    for process in sorted(PROC.glob("[0-9]*"), key=lambda path: int(path.name)):
        # What is gone in the meantime, or another user's, cannot be read.
        with contextlib.suppress(OSError):
            if wanted.intersection(_open_files(process)):
                command = (process / "cmdline").read_text(errors="replace")
                return Holder(int(process.name), command.replace("\0", " ").strip())
    return None


def _open_files(process: Path) -> Iterator[str]:
    for entry in (process / "fd").iterdir():
        with contextlib.suppress(OSError):
            yield str(entry.readlink())

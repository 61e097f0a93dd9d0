"""A bench in a folder of its own, with the lines that bench writes."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest

from presence_progress import switch

NODE = "/usr/bin/node"


class Bench:
    """The folder of a bench, and the files that a test wants in it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for folder in ("sites", "apps/frappe/frappe", "config/systemd", "env/bin"):
            (root / folder).mkdir(parents=True)
        self.write("sites/apps.txt", "frappe\n")
        self.write("apps/frappe/frappe/__init__.py", '__version__ = "15.55.1"\n')
        self.write("apps/frappe/package.json", '{"dependencies": {"socket.io-client": "^4.7.1"}}')
        program = self.write("env/bin/presence-progress", "#!/bin/sh\n")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)

    def write(self, name: str, text: str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode("utf-8", "surrogateescape"))
        return path

    def read(self, name: str) -> str:
        return (self.root / name).read_bytes().decode("utf-8", "surrogateescape")

    def configure(self, **settings: Any) -> None:
        self.write("sites/common_site_config.json", json.dumps(settings))

    def add_site(self, name: str, **config: Any) -> None:
        self.write(f"sites/{name}/site_config.json", json.dumps(config))

    def procfile(self, command: str = f"{NODE} apps/frappe/socketio.js") -> None:
        self.write("Procfile", procfile(command))

    def supervisor(self, command: str = "") -> None:
        command = command or f"{NODE} {self.root}/apps/frappe/socketio.js"
        self.write("config/supervisor.conf", supervisor(self.root, command))

    def systemd(self, command: str = "") -> None:
        command = command or f"{NODE} {self.root}/apps/frappe/socketio.js"
        self.write("config/systemd/bench-node-socketio.service", systemd(self.root, command))


def procfile(command: str) -> str:
    return f"redis_queue: redis-server redis.conf\nsocketio: {command}\nwatch: bench watch\n"


def supervisor(root: Path, command: str) -> str:
    return (
        f"[program:bench-frappe-web]\ncommand={root}/env/bin/gunicorn frappe.app:application\n"
        f"directory={root}/sites\n\n"
        f"[program:bench-redis-socketio]\ncommand=redis-server {root}/redis.conf\n\n"
        f"[program:bench-node-socketio]\ncommand={command}\npriority=4\ndirectory={root}\n\n"
        "[group:bench-web]\nprograms=bench-frappe-web,bench-node-socketio\n"
    )


def systemd(root: Path, command: str) -> str:
    return (
        f"[Unit]\nPartOf=bench-web.target\n\n[Service]\nRestart=always\nExecStart={command}\n"
        f"WorkingDirectory={root}\n"
    )


@pytest.fixture
def etc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return what stands for /etc."""
    folder = tmp_path / "etc"
    for name in ("supervisor/conf.d", "systemd/system"):
        (folder / name).mkdir(parents=True)
    monkeypatch.setattr(switch, "ETC", folder)
    return folder


@pytest.fixture
def bench(tmp_path: Path, etc: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.delenv("FRAPPE_BENCH_ROOT", raising=False)
    bench = Bench(tmp_path / "frappe-bench")
    monkeypatch.chdir(bench.root / "sites")
    return bench

"""The demo as a person starts it: a process with children, an address, and words on a terminal."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

from tests.conftest import free_port

PARTS = ("-server", "cli serve", ":long", ":short", "demo.site")
"""A word of the command line of each child: Valkey, realtime server, two workers, site."""
_PATIENCE = 30
"""Seconds for one answer, and for the end: a site on a busy machine waits for its turn to write."""


class Demo:
    """A demo that runs; ``lines`` is what it has said until it was ready."""

    def __init__(
        self, data: Path, *arguments: str, python: str = sys.executable, **process: Any
    ) -> None:
        self.url = f"http://127.0.0.1:{(port := free_port())}"
        self.realtime_port = free_port()
        options = ["--port", port, "--realtime-port", self.realtime_port, "--data", data]
        self.process = subprocess.Popen(
            [
                *(python, "-m", "presence_progress.cli", "demo"),
                *(*map(str, options), *arguments),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            **process,
        )
        assert self.process.stdout is not None
        self.lines: list[str] = []
        for line in self.process.stdout:
            self.lines.append(line)
            if "Ctrl-C" in line:
                return
        self.close()
        raise AssertionError("the demo did not start:\n" + "".join(self.lines))

    def parts(self) -> dict[str, int]:
        """Return the process ids of its parts by a word of their command lines."""
        found: dict[str, int] = {}
        for pid in children(self.process.pid):
            try:
                line = Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
            except OSError:
                continue
            # One that is just being born, or just dead, has no command line of its own.
            found.update((word, pid) for word in PARTS if word in line and " demo " not in line)
        return found

    @property
    def redis_url(self) -> str:
        [line] = [line for line in self.lines if "PRESENCE_PROGRESS_REDIS=" in line]
        return line.split("PRESENCE_PROGRESS_REDIS=")[1].split()[0]

    def sign_in(self, user: str) -> str:
        """Return the cookie of a new session."""
        form = urllib.parse.urlencode({"usr": user, "pwd": "x"}).encode()
        url = f"{self.url}/api/method/login"
        with urllib.request.urlopen(url, form, timeout=_PATIENCE) as answer:
            cookies = answer.headers.get_all("Set-Cookie")
        [cookie] = [text.partition(";")[0] for text in cookies if text.startswith("sid=")]
        return str(cookie)

    def call(self, method: str, cookie: str, verb: str = "GET") -> Any:
        """Call one of the site's methods, and return its message."""
        request = urllib.request.Request(
            f"{self.url}/api/method/{method}", method=verb, headers={"Cookie": cookie}
        )
        with urllib.request.urlopen(request, timeout=_PATIENCE) as answer:
            return json.load(answer)["message"]

    def start_import(self, cookie: str) -> str:
        task_id: str = self.call("presence_progress.demo.import_csv", cookie, "POST")["task_id"]
        return task_id

    def count(self, cookie: str) -> int:
        count: int = self.call("frappe.client.get_count?doctype=Airport", cookie)
        return count

    def close(self) -> None:
        assert self.process.stdout is not None
        # It ends its own children; killing it would leave that to Linux.
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        self.process.wait(_PATIENCE)
        self.process.stdout.close()


def children(pid: int) -> list[int]:
    found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], stdout=subprocess.PIPE)
    return [int(line) for line in found.stdout.split()]


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False

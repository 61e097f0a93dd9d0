"""One process of the demo: started in a group of its own, its output in a file, ended for
certain."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from presence_progress.demo.lifeline import die_with_parent

_TOLD = re.compile(r"\b(WARNING|ERROR|CRITICAL)\b")
_LONGEST_LINE = 300


class Child:
    """A process that is started, watched, and started again.

    ``ready`` says whether it answers, given its process id.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        log: Path,
        ready: Callable[[int], bool],
        *,
        tell_warnings: bool = True,
    ) -> None:
        self.name = name
        self.deaths: list[float] = []
        self._command = list(command)
        self._log = log
        self._log.write_bytes(b"")
        self._ready = ready
        self._tell_warnings = tell_warnings
        self._read_to = 0
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        # A session of its own: Ctrl-C in the terminal reaches the supervisor alone, which ends its
        # children in order.
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=die_with_parent,
            )

    def is_ready(self) -> bool:
        return self._process is not None and self.is_alive() and self._ready(self._process.pid)

    def is_alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def note_death(self, within: float) -> int:
        """Note that it has died just now, and return how often it has within so many seconds."""
        now = time.monotonic()
        self.deaths = [death for death in self.deaths if now - death < within] + [now]
        return len(self.deaths)

    def signal(self, number: signal.Signals) -> None:
        """Signal the process and whatever it started in its group."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, number)

    def reap(self) -> None:
        """Wait for the end of a process that has been killed."""
        if self._process is not None:
            self._process.wait()

    def new_warnings(self) -> list[str]:
        """Return what it has logged since the last call that a person should see."""
        with self._log.open("rb") as log:
            log.seek(self._read_to)
            new = log.read()
        # A line that is being written is read once it is whole.
        whole = new[: new.rfind(b"\n") + 1]
        self._read_to += len(whole)
        lines = whole.decode(errors="replace").splitlines() if self._tell_warnings else []
        return [line[:_LONGEST_LINE] for line in lines if _TOLD.search(line)]

    def last_output(self, lines: int = 12) -> str:
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-lines:])

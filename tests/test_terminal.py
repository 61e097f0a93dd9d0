"""The bar in the terminal, in a pseudo terminal of its own."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import textwrap
from typing import NamedTuple

import pytest

from presence_progress.terminal import duration, open_bar

pytest.importorskip("rich")

PROLOGUE = """
import os, sys
from presence_progress.task_record import TaskRecord
from presence_progress.terminal import open_bar

record = TaskRecord("task", "site", "me", "Import items", state="running", total=1000)
bar = open_bar()
"""

CODES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")
SHOW_CURSOR = "\x1b[?25h"


class Seen(NamedTuple):
    screen: str
    """All that the terminal was sent."""
    output: str
    """What came out of a standard output that is no terminal."""

    @property
    def lines(self) -> list[str]:
        """What was drawn, one after the other."""
        drawn = re.split(r"[\r\n]+", CODES.sub("", self.screen))
        return [line.strip() for line in drawn if line.strip()]


def run(
    script: str, *, columns: int = 100, is_output_on_screen: bool = False, **environment: str
) -> Seen:
    """Run a script whose standard error is a terminal."""
    screen, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    known = {name: value for name, value in os.environ.items() if name not in ("CI", "COLUMNS")}
    with subprocess.Popen(
        [sys.executable, "-c", PROLOGUE + textwrap.dedent(script)],
        stdin=subprocess.DEVNULL,
        stdout=terminal if is_output_on_screen else subprocess.PIPE,
        stderr=terminal,
        env={**known, "TERM": "xterm", "PYTHONIOENCODING": "utf-8", **environment},
    ) as process:
        os.close(terminal)
        drawn = b""
        while part := _read(screen):
            drawn += part
        output = process.stdout.read().decode() if process.stdout else ""
    os.close(screen)
    assert process.returncode == 0, drawn.decode()
    return Seen(drawn.decode(), output)


def _read(screen: int) -> bytes:
    try:
        return os.read(screen, 65536)
    except OSError:  # how Linux says that nobody has the terminal open any more
        return b""


def test_a_bar_shows_how_far_it_is_and_leaves_what_came_of_it() -> None:
    seen = run("""
        record.done, record.stage, record.eta = 450, "Reading", 125.4
        bar.show(record)
        record.done, record.state = 1000, "done"
        record.warnings, record.errors = 1200, 3
        bar.close(record)
        bar.show(record)
        bar.close(record)
    """)
    shown, ended = seen.lines[0], seen.lines[-1]
    assert shown.startswith("Import items · Reading ━")
    assert shown.endswith("45 % · 450 of 1,000 · 2 min 5 s left")
    assert re.search(r"━ done: 1,000 of 1,000 in \d+ s · 1,200 warnings · 3 errors$", ended)
    assert SHOW_CURSOR in seen.screen


@pytest.mark.parametrize(
    ("state", "error", "expected"),
    [
        ("failed", "row 7:\n[red]no\x1b[2J such item", "failed: row 7: [red]no[2J such item · 7"),
        ("cancelled", None, "cancelled: 7 of 1,000"),
    ],
)
def test_another_end_says_so_in_one_line(state: str, error: str | None, expected: str) -> None:
    seen = run(f"""
        record.done, record.state, record.error = 7, {state!r}, {error!r}
        bar.close(record)
    """)
    assert expected in seen.lines[-1]
    assert "\x1b[2J" not in seen.screen


def test_a_total_that_is_unknown_pulses_without_a_percent() -> None:
    seen = run("""
        record.total = None
        record.done = 5
        bar.show(record)
        record.state = "done"
        bar.close(record)
    """)
    assert seen.lines[0].endswith("━ 5")
    assert re.search(r"━ done: 5 in \d+ s$", seen.lines[-1])


def test_a_narrow_terminal_gets_one_line() -> None:
    seen = run(
        """
        record.title = "An import with a title that nobody would ever have thought of " * 2
        record.done = 450
        bar.show(record)
        record.state = "done"
        bar.close(record)
        """,
        columns=50,
    )
    assert all(len(line) <= 50 and "━ " in line and "450 of" in line for line in seen.lines)
    assert SHOW_CURSOR in seen.screen


def test_what_a_script_prints_goes_where_it_would_go() -> None:
    script = """
        bar.show(record)
        print("a row [bold]")
        record.state = "done"
        bar.close(record)
        print("the end")
    """
    assert run(script).output == "a row [bold]\nthe end\n"
    lines = run(script, is_output_on_screen=True).lines
    assert "a row [bold]" in lines and lines[-1] == "the end"


def test_one_bar_at_a_time() -> None:
    run("""
        assert open_bar() is None
        bar.close(record)
        assert open_bar() is not None
    """)


def test_a_copy_of_the_process_draws_nothing() -> None:
    seen = run("""
        bar.show(record)
        child = os.fork()
        if not child:
            record.title = "Child"
            bar.show(record)
            bar.close(record)
            os._exit(0)
        os.waitpid(child, 0)
        record.state = "done"
        bar.close(record)
    """)
    assert "Child" not in seen.screen and "done" in seen.lines[-1]


def test_a_terminal_that_has_gone_fails_no_job() -> None:
    seen = run("""
        bar.show(record)
        os.close(2)
        bar.show(record)
        bar.show(record)
        bar.close(record)
        print("went on")
    """)
    assert seen.output == "went on\n"


def test_there_is_no_bar_without_rich_or_in_continuous_integration() -> None:
    assert open_bar() is None, "the tests' own standard error is no terminal"
    run("assert bar is None", CI="true")
    run("assert bar is None", TERM="dumb")
    run("""
        bar.close(record)
        sys.modules["rich.console"] = None
        assert open_bar() is None
        del sys.modules["rich.console"]
        assert open_bar() is not None
    """)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0.4, "0 s"), (59.4, "59 s"), (59.6, "1 min 0 s"), (185, "3 min 5 s"), (7810, "2 h 10 min")],
)
def test_a_duration_in_words(seconds: float, expected: str) -> None:
    assert duration(seconds) == expected

"""Jobs that something happens to: they write down what they do in a file of the test's own."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import time
from pathlib import Path

from presence_progress import progress


def note(log: str, word: str | int) -> None:
    with Path(log).open("a") as file:
        file.write(f"{word}\n")


def hang(log: str) -> None:
    """Make one step, and no more; the file tells its process."""
    with progress.Task(total=2) as task:
        task.advance()
        note(log, os.getpid())
        time.sleep(60)


def hold_the_interpreter(seconds: int) -> None:
    """One call into C, which lets no other thread of this process run."""
    with progress.Task(total=2) as task:
        task.advance()
        ctypes.PyDLL(None).sleep(seconds)
        task.advance()


def wait_until_told(log: str) -> None:
    """Wait for the test; one that fails tells nothing."""
    deadline = time.monotonic() + 30
    while not Path(f"{log}.go").exists() and time.monotonic() < deadline:
        time.sleep(0.02)


def work_long_on_one_step(log: str, seconds: float) -> None:
    """Make a step that takes so long from when the test says so."""
    with progress.Task(total=2) as task:
        note(log, os.getpid())
        wait_until_told(log)
        time.sleep(seconds)
        task.advance()


def fail_at_first(log: str, times: int) -> None:
    """Fail so many times, each a few steps further on."""
    with progress.Task(total=10) as task:
        done = task.resumed or 0
        note(log, done)
        for _ in range(done, min(done + 3, 10)):
            task.advance()
        task.checkpoint(task.done)
        if done < 3 * times:
            raise ValueError("not yet")


def loop_often(loops: int) -> None:
    """Track several loops in a job that nobody made a task for."""
    for number in range(loops):
        for _ in progress.track(range(3), title=f"Loop {number}"):
            pass


def copy_itself(log: str) -> None:
    """Copy the process in both ways that Python has, and go on."""
    with progress.Task(total=30) as task:
        task.advance(10)
        child = os.fork()
        if child == 0:
            os._exit(0)
        os.waitpid(child, 0)
        other = multiprocessing.get_context("fork").Process(target=note, args=(log, "copied"))
        other.start()
        other.join()
        task.advance(10)
        note(log, "waits")
        wait_until_told(log)
        task.advance(10)


def step_slowly(log: str, steps: int, pause: float) -> None:
    with progress.Task(total=steps) as task:
        for number in range(steps):
            time.sleep(pause)
            task.advance()
            note(log, number)
    note(log, "ended")


def end_when_told(log: str) -> None:
    with progress.Task(total=2) as task:
        note(log, "waits")
        wait_until_told(log)
        task.advance(2)
    note(log, "ended")

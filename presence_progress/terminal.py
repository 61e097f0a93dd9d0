"""A bar in the terminal, for whoever runs a plain script there and has rich.

It is drawn on standard error, so that what a script prints can go into a file or a pipe. What it
shows is a record's; when it is drawn is the reporter's to say. It never fails a job.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from presence_progress.task_record import ENDED, TaskRecord

if TYPE_CHECKING:
    from rich.progress import Progress

logger = logging.getLogger(__name__)

_screen = threading.Lock()
"""Held by the bar that is open: two of them would overwrite each other."""


def open_bar() -> Bar | None:
    """Return a bar, to be closed by :meth:`Bar.close`; None where none can be drawn.

    That is: without rich, without a terminal, in continuous integration, whose terminals keep
    every line, and while another bar is open.
    """
    if not _is_terminal() or not _screen.acquire(blocking=False):
        return None
    bar = None
    try:
        bar = Bar()
    except ImportError:
        pass
    except Exception:
        logger.exception("no bar can be drawn in this terminal")
    finally:
        if bar is None:
            _screen.release()
    return bar


class Bar:
    """One task in the terminal."""

    def __init__(self) -> None:
        self._process = os.getpid()
        self._begun = time.monotonic()
        self._progress: Progress | None = _new_progress()
        self._row = self._progress.add_task("", total=None, told="")
        self._lock = threading.Lock()

    def show(self, record: TaskRecord) -> None:
        """Draw what is known now."""
        if self._is_here():
            with self._lock:
                self._draw(record)

    def close(self, record: TaskRecord) -> None:
        """Draw what has come of it, and leave it there."""
        if self._is_here():
            with self._lock:
                self._draw(record)
                self._stop()

    def _is_here(self) -> bool:
        # A copy of the process has neither the screen nor, maybe, a lock that is ever released.
        return os.getpid() == self._process

    def _draw(self, record: TaskRecord) -> None:
        progress = self._progress
        if progress is None:
            return
        try:
            percent = record.percent()
            if record.state in ENDED and percent is None:
                percent = 100 if record.state == "done" else 0
            progress.update(
                self._row,
                description=_title(record),
                # Without a total it pulses.
                total=None if percent is None else 100,
                completed=percent or 0,
                told=_told(record, time.monotonic() - self._begun),
            )
            if progress.live.is_started:
                progress.refresh()
            else:
                progress.start()  # which draws, too
        except Exception as error:
            # The terminal has gone, or its encoding knows no bars: the job goes on without.
            logger.warning("the bar in the terminal is given up: %r", error)
            self._stop()

    def _stop(self) -> None:
        progress, self._progress = self._progress, None
        if progress is None:
            return
        try:
            progress.stop()
        except Exception:
            logger.debug("the bar could not be taken down", exc_info=True)
        finally:
            _screen.release()
            with suppress(OSError):
                progress.console.file.close()


def _is_terminal() -> bool:
    try:
        is_terminal = sys.stderr.isatty()
    except (AttributeError, ValueError):  # there is none, or it is closed
        return False
    return is_terminal and not os.environ.get("CI") and os.environ.get("TERM") != "dumb"


def _new_progress() -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn
    from rich.table import Column

    # A file of its own: what a terminal that has gone does not take any more is not the script's to
    # write at its end.
    screen = os.fdopen(os.dup(sys.stderr.fileno()), "w", encoding=sys.stderr.encoding)
    console = Console(file=screen)
    return Progress(
        TextColumn(
            "{task.description}",
            markup=False,
            table_column=Column(no_wrap=True, overflow="ellipsis", max_width=console.width // 3),
        ),
        BarColumn(bar_width=min(40, console.width // 4)),
        TextColumn(
            "{task.fields[told]}",
            markup=False,
            table_column=Column(no_wrap=True, overflow="ellipsis"),
        ),
        console=console,
        # The reporter's thread draws; no second one is needed.
        auto_refresh=False,
        # What a script prints goes above the bar, but only where both are on the same screen.
        redirect_stdout=_is_on_screen(sys.stdout),
    )


def _is_on_screen(stream: object) -> bool:
    try:
        return bool(stream.isatty())  # type: ignore[attr-defined]
    except (AttributeError, ValueError):
        return False


# --- in words -----------------------------------------------------------------------------------


def _title(record: TaskRecord) -> str:
    return _plain(f"{record.title} · {record.stage}" if record.stage else record.title)


def _told(record: TaskRecord, seconds: float) -> str:
    done = f"{record.done:,}"
    if record.total is not None:
        done += f" of {record.total:,}"
    if record.state == "done":
        parts = [f"done: {done} in {duration(seconds)}"]
    elif record.state == "failed":
        parts = [f"failed: {_plain(record.error or '')}", done]
    elif record.state in ENDED:
        parts = [f"{record.state}: {done}"]
    else:
        percent = record.percent()
        parts = ([] if percent is None else [f"{percent} %"]) + [done]
        if record.state == "cancelling":
            parts.append("cancelling")
        elif record.eta is not None:
            parts.append(f"{duration(record.eta)} left")
    for count, name in ((record.warnings, "warnings"), (record.errors, "errors")):
        if count:
            parts.append(f"{count:,} {name}")
    return " · ".join(parts)


def duration(seconds: float) -> str:
    """Return a duration in two units at most: ``"12 s"``, ``"3 min 5 s"``, ``"2 h 10 min"``."""
    whole = max(0, round(seconds))
    minutes, rest = divmod(whole, 60)
    if minutes < 1:
        return f"{rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def _plain(text: str) -> str:
    """Return one line that moves no cursor."""
    return "".join(sign for sign in " ".join(text.split()) if sign.isprintable())

"""A process beside a job that says that the job lives, for as long as it does.

A thread cannot: one long call into C that keeps the interpreter's lock would stop it with the job.
This process also sees the job's process end, however it ends, and says so at once; and it kills a
work horse whose job was cancelled and does not stop.
"""

from __future__ import annotations

import gc
import os
import signal
import threading
import time
import warnings
from collections.abc import Callable
from contextlib import suppress

from redis.exceptions import RedisError

from presence_progress.settings import TASK_RENEWAL

_LOOK = 0.2
"""Seconds between two looks whether the job's process is still there."""
_PATIENCE = 10.0
"""Seconds that its end is tried to be told; after that a server finds out by the lease's end."""


class Lease:
    """A running job's lease, held until :meth:`close`."""

    def __init__(self, process: int) -> None:
        self._process = process
        self._parent = os.getpid()

    def close(self) -> None:
        """The job says itself what has become of it."""
        if os.getpid() == self._parent:
            with suppress(ProcessLookupError, ChildProcessError):
                os.kill(self._process, signal.SIGKILL)
                os.waitpid(self._process, 0)


def hold(
    renew: Callable[[], bool], tell_gone: Callable[[], None], kill: Callable[[int], None]
) -> Lease | None:
    """Begin to hold a lease, in a process of its own; None where none can be made.

    ``renew`` says that the job lives, and returns whether it is to be killed; ``kill`` is given its
    process then. ``tell_gone`` says that it has ended. All three run in that process.
    """
    # Other threads may hold locks, which nobody would ever release in a copy of this process.
    if not hasattr(os, "fork") or threading.active_count() > 1:
        return None
    parent = os.getpid()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # about threads that we do not know of
        process = os.fork()
    if process:
        return Lease(process)
    try:
        _keep(parent, renew, tell_gone, kill)
    finally:
        # Nothing of the job's own shall be done here a second time: no finally, no atexit.
        os._exit(0)


def _keep(
    parent: int,
    renew: Callable[[], bool],
    tell_gone: Callable[[], None],
    kill: Callable[[int], None],
) -> None:
    # RQ ends a work horse with all its group; this process is to see that, and to say so.
    os.setsid()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1):
        signal.signal(number, signal.SIG_IGN)
    # The memory is the job's, shared for as long as nobody writes to it.
    gc.freeze()
    _let_go_of_files()
    due = time.monotonic() + TASK_RENEWAL
    while os.getppid() == parent:
        if time.monotonic() >= due:
            due = time.monotonic() + TASK_RENEWAL
            with suppress(RedisError, OSError):
                if renew():
                    kill(parent)
        time.sleep(_LOOK)
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        with suppress(RedisError, OSError):
            tell_gone()
            break
        time.sleep(_LOOK)


def _let_go_of_files() -> None:
    """Close what the job has open: its database shall see at once that it has ended, and whoever
    reads its output, too."""
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in range(3):
        os.dup2(nothing, number)

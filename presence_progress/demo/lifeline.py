"""Binds a process to the life of the one that started it, where the system can: nothing is left
behind by a killed parent."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1

# Loaded before any fork: between fork and exec a process should do as little as it can.
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
_parent = os.getpid()


def die_with_parent() -> None:
    """Have the kernel kill this process when its parent dies; on other systems than Linux does
    nothing."""
    if _libc is None:
        return
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    # The parent may have died before the kernel was asked: then this process is an orphan already.
    if os.getppid() == 1 and _parent != 1:
        os._exit(1)

"""A thread beside a job that writes what the job last said: the job itself never waits for
Redis."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from redis.exceptions import RedisError

from presence_progress.settings import FINAL_FLUSH_TIMEOUT, FLUSH_INTERVAL

logger = logging.getLogger(__name__)

_LONGEST_PAUSE = 2.0
"""Seconds between two tries while Redis is away."""


class Reporter:
    """Calls ``write`` five times a second until it is closed, whatever becomes of Redis
    meanwhile."""

    def __init__(self, write: Callable[[], None], name: str) -> None:
        self._write = write
        self._name = name
        self._closing = threading.Event()
        self._away = False
        # A daemon: a job that is torn down must not be kept alive by its progress bar.
        self._thread = threading.Thread(target=self._run, name=f"progress {name}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Stop, and write a last time: the end of a task is tried for some seconds, then given up
        with a log line."""
        self._closing.set()
        deadline = time.monotonic() + FINAL_FLUSH_TIMEOUT
        if self._thread.is_alive():
            self._thread.join(FINAL_FLUSH_TIMEOUT)
        pause = FLUSH_INTERVAL
        while not self._try_write() and time.monotonic() < deadline:
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
        if self._away:
            logger.error("the end of task %s could not be written: Redis is away", self._name)

    def _run(self) -> None:
        pause = 0.0
        while not self._closing.wait(pause):
            pause = (
                FLUSH_INTERVAL
                if self._try_write()
                else min(2 * pause or FLUSH_INTERVAL, _LONGEST_PAUSE)
            )

    def _try_write(self) -> bool:
        try:
            self._write()
        except (RedisError, OSError) as error:
            if not self._away:
                logger.warning("progress of task %s waits for Redis: %s", self._name, error)
            self._away = True
        except Exception:
            # A job never fails because its progress did.
            logger.exception("progress of task %s could not be written", self._name)
        else:
            self._away = False
        return not self._away

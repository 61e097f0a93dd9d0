"""An event loop whose time passes at once: an hour of pauses takes as long as the work in it.

For code that waits for nothing but time. Whatever waits for a socket waits for ever.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from typing import Any

import pytest


class FastLoop(asyncio.SelectorEventLoop):
    """``now`` is its clock, in seconds."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1_000.0
        selector: Any = self._selector  # type: ignore[attr-defined]
        select = selector.select

        def jump(timeout: float | None = None) -> Any:
            assert timeout is not None, "nothing will ever happen any more"
            self.now += timeout
            return select(0)

        selector.select = jump

    def time(self) -> float:
        return self.now


def run_fast(work: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine in a loop of its own, with ``time.monotonic()`` as its clock."""
    loop = FastLoop()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "monotonic", loop.time)
        try:
            loop.run_until_complete(work)
        finally:
            tasks = asyncio.all_tasks(loop)
            for task in tasks:
                task.cancel()
            loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
            loop.close()

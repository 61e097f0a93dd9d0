"""A question to Frappe comes to an end, whatever it hangs at."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from presence_progress.server import questions
from presence_progress.server.questions import Questions, Unavailable
from presence_progress.settings import Settings


class Stuck:
    """A Redis client that never answers, nor ever fails."""

    async def get(self, _: str) -> Any:
        await asyncio.Event().wait()


class Cancelled:
    """A Redis client that takes its own time limit for its caller's end."""

    async def get(self, _: str) -> Any:
        raise asyncio.CancelledError


@pytest.mark.parametrize("redis", [Stuck(), Cancelled()])
async def test_a_question_that_never_ends_is_given_up(
    redis: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(questions, "FRAPPE_PATIENCE", 0.5)
    asking = Questions(Settings(), redis)
    with pytest.raises(Unavailable, match="to ping"):
        await asyncio.wait_for(asking.ask("site.localhost", {}, "ping"), 20)
    await asking.close()

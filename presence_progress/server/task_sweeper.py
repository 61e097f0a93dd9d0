"""Lets happen in tasks what happens by itself: a job that is heard of no more is stalled, then
lost. And an end is made known everywhere: in the lists, to the parent, in the site's history.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from redis.exceptions import RedisError

from presence_progress import task_room
from presence_progress.due import Place
from presence_progress.server.app_questions import AppQuestions, NoApp
from presence_progress.server.calls import Calls
from presence_progress.server.engine import spawn
from presence_progress.server.questions import Unavailable
from presence_progress.task_record import ENDED
from presence_progress.task_room import Swept


class TaskSweeper:
    """Knows what a sweep of a task brings to light."""

    def __init__(self, calls: Calls, app: AppQuestions) -> None:
        self._calls = calls
        self._app = app
        self._settling: set[Place] = set()

    async def sweep(self, places: Sequence[Place]) -> list[int | None]:
        """Sweep tasks, and return in how many ms each is due again; None where its shard
        is away."""
        tasks = [(site, room.partition(":")[2]) for site, room in places]
        results = await self._calls.try_all([task_room.sweep_call(*task) for task in tasks])
        swept: list[Swept | None] = [
            None if isinstance(result, BaseException) else result for result in results
        ]
        ended: dict[str, list[str]] = {}
        for (site, task_id), task in zip(tasks, swept, strict=True):
            if task is None or (site, task_id) in self._settling:
                continue
            if task.is_unsettled:
                ended.setdefault(site, []).append(task_id)
            elif task.has_changed:
                spawn(self._tell(site, task_id))
        for site, task_ids in ended.items():
            spawn(self._settle(site, task_ids))
        return [None if task is None else task.due for task in swept]

    async def _tell(self, site: str, task_id: str) -> None:
        # What fails now is told with its next change, or its end.
        with suppress(RedisError, OSError):
            await self._calls.run_steps(task_room.tell(site, task_id))

    async def _settle(self, site: str, task_ids: Sequence[str]) -> None:
        """Make the ends of tasks known to everybody; what fails is tried at the next sweep."""
        places = {(site, task_id) for task_id in task_ids}
        self._settling |= places
        try:
            ended = []
            for task_id in task_ids:
                task = await self._calls.run_steps(task_room.tell(site, task_id))
                if task.get("state") in ENDED:
                    ended.append({"task_id": task_id, **task})
            for task in await self._recorded(site, ended):
                attempt = task["attempt"]
                await self._calls.run(
                    task_room.note_call(site, task["task_id"], "settled", attempt)
                )
        except (Unavailable, RedisError, OSError):
            pass
        finally:
            self._settling -= places

    async def _recorded(self, site: str, ended: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Have ends recorded, and return those that are: a job that has not let go of its row yet
        is left for the next sweep."""
        if not ended:
            return []
        try:
            recorded = await self._app.ask(site, "tasks.record", {"tasks": ended})
        except NoApp:  # such a site keeps no history
            return ended
        return [task for task in ended if task["task_id"] in recorded]

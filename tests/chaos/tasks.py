"""The tasks of a run: RQ workers that are killed, stopped and started again, and who enqueues,
cancels and retries."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import redis
import rq

from presence_progress import context, keys, progress, rooms
from presence_progress.task_record import ENDED
from tests.chaos import site
from tests.chaos.history import History
from tests.chaos.jobs import FOLDER, QUEUE, read_diaries
from tests.chaos.people import TaskWatcher
from tests.chaos.plan import WORKERS, Ask
from tests.running import children, is_alive
from tests.server.conftest import SITE

_ROOT = Path(__file__).parent.parent.parent
QUIET = 40.0
"""Seconds after the last action within which every task that has begun must have ended."""


class Workers:
    """RQ workers, each of which is started again when it is gone."""

    def __init__(self, url: str, folder: Path, history: History) -> None:
        self._url, self._history = url, history
        self.diaries = folder / "jobs"
        self.diaries.mkdir()
        self._output = (folder / "workers.log").open("w")
        self._workers: list[subprocess.Popen[bytes]] = []
        self._stopped: set[int] = set()
        self._keeping: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._workers = [self._start() for _ in range(WORKERS)]
        self._keeping = asyncio.ensure_future(self._keep())

    def _start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "tests.rq_worker", "--quiet", "--url", self._url, QUEUE]
        told = {FOLDER: str(self.diaries), "PRESENCE_PROGRESS_SITE": SITE}
        return subprocess.Popen(
            command,
            cwd=_ROOT,
            env={**os.environ, **told},
            stdout=self._output,
            stderr=self._output,
        )

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(0.5)
            for number, worker in enumerate(self._workers):
                if worker.poll() is not None:
                    self._workers[number] = self._start()

    async def strike(self, ask: Ask) -> None:
        """Kill or stop a job's process, with what belongs to it."""
        found = await asyncio.to_thread(self._horses)
        if not found:
            return
        worker, horse, leases = found[int(ask.pick * len(found))]
        if ask.kind == "freeze":
            await self._freeze([*leases, horse], horse, ask.seconds)
            return
        doomed = {
            "kill horse": [horse],
            "kill all": [worker, *leases, horse],
            "kill worker": [worker],
        }[ask.kind]
        self._history.note("kill", what=ask.kind, pids=doomed, horse=horse)
        for pid in doomed:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def _horses(self) -> list[tuple[int, int, list[int]]]:
        found = []
        for worker in self._workers:
            for horse in children(worker.pid):
                leases = children(horse)
                is_known = leases and self._has_written(horse)
                if is_known and horse not in self._stopped and is_alive(horse):
                    found.append((worker.pid, horse, leases))
        return found

    def _has_written(self, horse: int) -> bool:
        # Of one that is struck before, nobody could tell why its task was lost.
        return any(path.stat().st_size for path in self.diaries.glob(f"{horse}-*"))

    async def _freeze(self, pids: list[int], horse: int, seconds: float) -> None:
        """As a machine that sleeps: all of it stands still, and goes on."""
        self._stopped.add(horse)
        self._history.note("freeze", horse=horse, seconds=seconds)
        self._signal(pids, signal.SIGSTOP)
        try:
            await asyncio.sleep(seconds)
        finally:
            self._signal(pids, signal.SIGCONT)
            self._history.note("thaw", horse=horse)

    def _signal(self, pids: list[int], number: int) -> None:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    async def close(self) -> None:
        if self._keeping:
            self._keeping.cancel()
        for worker in self._workers:
            for horse in await asyncio.to_thread(children, worker.pid):
                self._signal([horse], signal.SIGKILL)
            worker.kill()
            worker.wait()
        self._output.close()


class Office:
    """Who enqueues, cancels and retries tasks, and has them watched."""

    def __init__(
        self, url: str, workers: Workers, watchers: list[TaskWatcher], history: History
    ) -> None:
        context.configure(site=SITE, redis_url=url)
        self._url = url
        self._workers, self._watchers, self._history = workers, watchers, history
        self.tasks: list[str] = []

    async def act(self, ask: Ask) -> None:
        if ask.kind in ("enqueue", "cancel", "retry"):
            await getattr(self, f"_{ask.kind}")(ask)
        elif ask.kind == "reconnect":
            await self._watchers[int(ask.pick * len(self._watchers))].go(ask.seconds)
        else:
            await self._workers.strike(ask)

    async def _enqueue(self, ask: Ask) -> None:
        user = site.user(site.MOST - 1)
        job: dict[str, Any] = {"steps": ask.steps, "pause": ask.seconds, "does": ask.does}

        def enqueue() -> str:
            return progress.enqueue(
                "tests.chaos.jobs.work", queue=QUEUE, user=user, doctype="Airport", **job
            )

        task_id = await self._try("enqueue", "", enqueue, does=ask.does)
        if task_id:
            self.tasks.append(task_id)
            for watcher in self._watchers:
                watcher.follow(keys.task_room(task_id))

    async def _cancel(self, ask: Ask) -> None:
        if task_id := self._recent(ask):
            await self._try("cancel", task_id, lambda: progress.cancel(task_id, "canceller"))

    async def _retry(self, ask: Ask) -> None:
        if task_id := self._recent(ask):
            await self._try("retry", task_id, lambda: progress.retry(task_id, "retrier"))

    def _recent(self, ask: Ask) -> str:
        recent = self.tasks[-12:]
        return recent[int(ask.pick * len(recent))] if recent else ""

    async def _try(self, what: str, task_id: str, ask: Any, **more: Any) -> Any:
        # Written down before: what it sets going may be heard before the answer.
        self._history.note("ask", what=what, task=task_id, **more)
        try:
            answer = await asyncio.to_thread(ask)
        except redis.RedisError as error:
            self._history.note("no answer", what=what, task=task_id, error=str(error)[:80])
            return None
        self._history.note("answer", what=what, task=task_id or answer, answer=answer)
        return answer

    # --- the end ---

    async def calm_down(self) -> None:
        """Cancel what has not begun, and wait for what has."""
        until = self._history.now() + QUIET
        while self._history.now() < until:
            states = await asyncio.to_thread(self._states)
            for task_id, state in states.items():
                if state.get("state") == "queued" or self._history.now() > until - 15:
                    await self._try("cancel", task_id, partial(progress.cancel, task_id))
            if all(state["state"] in ENDED for state in states.values() if state):
                return
            await asyncio.sleep(1)

    def _everything(self) -> list[str]:
        parts = (one["child"] for one in read_diaries(self._workers.diaries) if "child" in one)
        return list(dict.fromkeys([*self.tasks, *parts]))

    def _states(self) -> dict[str, dict[str, Any]]:
        with redis.Redis.from_url(self._url) as client:
            return {
                task_id: rooms.run(client, rooms.snapshot_call(SITE, keys.task_room(task_id))).state
                for task_id in self._everything()
            }

    def write_down(self) -> None:
        """Note the truth of the jobs' own, what Redis has of them, and what RQ thinks."""
        history = self._history
        diaries = read_diaries(self._workers.diaries)
        for record in diaries:
            at = history.at(record.pop("t"))
            history.note(record.pop("kind"), at=at, **record)
        with redis.Redis.from_url(self._url) as client:
            for task_id in self._everything():
                snapshot = rooms.run(client, rooms.snapshot_call(SITE, keys.task_room(task_id)))
                history.note(
                    "redis",
                    room=snapshot.room,
                    epoch=snapshot.epoch,
                    seq=snapshot.seq,
                    state=snapshot.state,
                )
                for attempt in range(1, 1 + snapshot.state.get("attempt", 0)):
                    job_id = task_id if attempt == 1 else f"{task_id}-{attempt}"
                    with contextlib.suppress(rq.exceptions.NoSuchJobError):
                        job = rq.job.Job.fetch(job_id, connection=client)
                        status = str(getattr(job.get_status(), "value", job.get_status()))
                        history.note("rq", task=task_id, attempt=attempt, status=status)

"""A task is what it promises to be in every order of worker, sweeper, canceller and retrier:
several processes of one job, some of which are dead and some only away, parents and children,
answers that are lost, and a Redis that forgets.

Hypothesis thinks up lives of a small world (``tests/model/tasks.py``): real scripts, the real code
of an attempt, time that it rules. All that is published is judged, change by change. A failure is
printed as the shortest life that fails.

    PP_MODEL_EXAMPLES=2000 python -m pytest tests/test_task_model.py     a deeper search
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from redis.exceptions import ConnectionError

from presence_progress import keys, rooms, task_room
from presence_progress.settings import TASK_LEASE, TASK_LOST_AFTER
from presence_progress.task_record import ENDED
from tests.conftest import RedisServer
from tests.model import tasks as worlds
from tests.model.rules import has, may, one_of
from tests.model.tasks import Process, TaskWorld, WireState, enqueue

EXAMPLES = int(os.environ.get("PP_MODEL_EXAMPLES", "60"))
MOST_TASKS = 4
MEMORIES = 6
TROUBLES = ["kill", "pause", "rewire", "again", "lose memory"]
if "PP_MODEL_EXAMPLES" in os.environ:
    # Redis goes back to an earlier state. Known and open: where it forgets that a job has begun,
    # and RQ begins it a second time, a process that lives may be shown stalled.
    TROUBLES.append("old data")
WIRES = st.sampled_from(["up", "cut", "deaf", "stutters"])


class Life(RuleBasedStateMachine):
    """What may happen to tasks."""

    client: Any = None

    def __init__(self) -> None:
        super().__init__()
        self.client.flushdb()
        self.world = TaskWorld(self.client, "site.localhost")
        self.patch = pytest.MonkeyPatch()
        worlds.rule(self.patch, self.world)
        self.queue: list[tuple[str, int]] = []
        self.troubles: set[str] = set()
        self.memories: list[Any] = []
        self.beginnings: list[Any] = []
        """What Redis had in it before a job began, and which job."""

    def teardown(self) -> None:
        self.patch.undo()
        self.world.close()

    @initialize(troubles=st.sets(st.sampled_from(TROUBLES)))
    def begin(self, troubles: set[str]) -> None:
        self.troubles = troubles

    # --- who asks for work ---

    @property
    def tasks(self) -> list[str]:
        return list(self.world.parents)

    @precondition(lambda self: len(self.tasks) < MOST_TASKS)
    @rule()
    def enqueue(self) -> None:
        self._enqueue(None)

    @property
    def parents(self) -> list[str]:
        return [process.task_id for process in self.up] if len(self.tasks) < MOST_TASKS else []

    @has("parents")
    @rule(parent=one_of("parents"))
    def fan_out(self, parent: str) -> None:
        self._enqueue(parent)

    def _enqueue(self, parent: str | None) -> None:
        task_id = f"t{len(self.tasks)}"
        enqueue(self.world, task_id, parent)
        self.queue.append((task_id, 1))

    @has("tasks")
    @rule(task_id=one_of("tasks"), wire=WIRES, after=st.integers(0, 4))
    def cancel(self, task_id: str, wire: WireState, after: int) -> None:
        self.world.web.set(wire, after)
        with self.world.at(None), suppress(ConnectionError):
            rooms.run_steps(self.world.web, task_room.cancel(self.world.site, task_id, "bob"))
        self.world.web.set("up")

    @has("tasks")
    @rule(task_id=one_of("tasks"))
    def retry(self, task_id: str) -> None:
        site = self.world.site
        with self.world.at(None):
            retried = rooms.run(self.world.web, task_room.retry_call(site, task_id, "bob"))
            rooms.run_steps(self.world.web, task_room.tell(site, task_id))
        if retried.attempt:
            self.queue.append((task_id, retried.attempt))

    # --- workers ---

    @property
    def processes(self) -> list[Process]:
        return self.world.processes

    @property
    def up(self) -> list[Process]:
        return [one for one in self.processes if one.is_up and one.has_begun]

    @property
    def working(self) -> list[Process]:
        return [one for one in self.up if one.record.state not in ENDED]

    @has("queue")
    @rule(job=one_of("queue"))
    def work(self, job: tuple[str, int]) -> None:
        self.queue.remove(job)
        if "old data" in self.troubles:
            self.beginnings = [*self.beginnings, (job, self.memory())][-2:]
        self._run(job)

    @property
    def jobs(self) -> list[tuple[str, int]]:
        return sorted({process.job for process in self.processes})

    @may("again", "jobs")
    @rule(job=one_of("jobs"))
    def work_again(self, job: tuple[str, int]) -> None:
        """RQ runs a job again: its own retry, or it does not know that it runs."""
        self._run(job)

    @may("again", "working")
    @rule(process=one_of("working"))
    def cancel_and_work_again(self, process: Process) -> None:
        """Before it has heard of it."""
        self.cancel(process.task_id, "up", 0)
        self._run(process.job)

    def _run(self, job: tuple[str, int]) -> None:
        process = Process(self.world, *job)
        self.processes.append(process)
        process.begin()
        if process.attempt.stop:
            process.exit()

    @has("working")
    @rule(process=one_of("working"), steps=st.integers(0, 12), is_written=st.booleans())
    def step(self, process: Process, steps: int, is_written: bool) -> None:
        process.record.done += steps
        process.record.note("warning", "odd", process.record.done)
        process.heed()
        if is_written and process.is_alive:
            process.write()

    @has("working")
    @rule(process=one_of("working"), total=st.none() | st.integers(0, 30))
    def set_total(self, process: Process, total: int | None) -> None:
        process.record.set_total(total)

    @has("working")
    @rule(process=one_of("working"))
    def checkpoint(self, process: Process) -> None:
        process.attempt.checkpoint(process.record.done)

    @has("up")
    @rule(process=one_of("up"))
    def write(self, process: Process) -> None:
        process.write()

    @has("working")
    @rule(process=one_of("working"), state=st.sampled_from(["done", "done", "failed"]))
    def end(self, process: Process, state: Any) -> None:
        process.end(state)

    @property
    def ending(self) -> list[Process]:
        return [one for one in self.up if one.record.state in ENDED]

    @has("ending")
    @rule(process=one_of("ending"))
    def give_up(self, process: Process) -> None:
        """Redis was away for too long: it exits, and its end is not known."""
        process.exit()

    # --- what goes wrong with them ---

    @property
    def alive(self) -> list[Process]:
        return [one for one in self.processes if one.is_alive]

    @may("kill", "alive")
    @rule(process=one_of("alive"), is_told=st.booleans())
    def kill(self, process: Process, is_told: bool) -> None:
        process.kill()
        if is_told:
            process.tell_gone()

    @property
    def having_parts(self) -> list[Process]:
        known = set(self.world.parents.values())
        return [one for one in self.working if one.task_id in known]

    @may("kill", "having_parts")
    @rule(process=one_of("having_parts"))
    def kill_and_retry(self, process: Process) -> None:
        """A job that has handed out parts, which go on."""
        self.kill(process, True)
        self.retry(process.task_id)

    @property
    def untold(self) -> list[Process]:
        return [one for one in self.processes if not one.is_alive and not one.has_told_gone]

    @has("untold")
    @rule(process=one_of("untold"))
    def tell_gone(self, process: Process) -> None:
        process.tell_gone()

    @may("pause", "up")
    @rule(process=one_of("up"))
    def pause(self, process: Process) -> None:
        process.is_paused = True

    @property
    def paused(self) -> list[Process]:
        return [one for one in self.processes if one.is_paused and one.is_alive]

    @has("paused")
    @rule(process=one_of("paused"))
    def wake(self, process: Process) -> None:
        process.is_paused = False

    @may("pause", "working")
    @rule(process=one_of("working"))
    def stand_still_for_a_while(self, process: Process) -> None:
        """Long enough to be stalled, and not to be lost."""
        process.is_paused = True
        self.world.pass_time(TASK_LEASE + 1_000)
        process.is_paused = False
        self.world.pass_time(TASK_LOST_AFTER + 2_000)

    @may("rewire", "alive")
    @rule(process=one_of("alive"), state=WIRES, after=st.integers(0, 4))
    def rewire(self, process: Process, state: WireState, after: int) -> None:
        process.wire.set(state, after)

    # --- time ---

    @rule(ms=st.sampled_from([1, 600, 3_000, 7_000, 14_000]))
    def wait(self, ms: int) -> None:
        self.world.pass_time(ms)

    @precondition(lambda self: self.world.client.exists(keys.DUE))
    @rule()
    def sweep(self) -> None:
        self.world.sweep()

    # --- Redis loses its memory ---

    @may("lose memory")
    @rule(is_queue_lost=st.booleans())
    def lose_memory(self, is_queue_lost: bool) -> None:
        self.world.forget()
        if is_queue_lost:
            self.queue.clear()

    @may("old data", "memories")
    @rule(age=st.integers(1, MEMORIES))
    def come_back_with_old_data(self, age: int) -> None:
        """What was written last is lost, RQ's queue with it: jobs that run are in it again."""
        self.memories = self.memories[: max(1, len(self.memories) - age)]
        self._restore(self.memories[-1])

    @may("old data", "beginnings")
    @rule(beginning=one_of("beginnings"))
    def forget_a_beginning(self, beginning: Any) -> None:
        """The job runs, and RQ has it run once more, by another process."""
        job, memory = beginning
        self.beginnings.clear()
        self.memories.clear()
        self._restore(memory)
        self._run(job)

    def memory(self) -> Any:
        return self.world.remember(), list(self.queue)

    def _restore(self, memory: Any) -> None:
        world, queue = memory
        self.world.restore(world)
        self.queue = list(queue)

    # --- what must be so ---

    @precondition(lambda self: len(self.processes) > 2)
    @rule()
    def everybody_goes(self) -> None:
        """All that has begun has ended then."""
        for process in self.alive:
            process.is_paused = False
            process.wire.set("up")
            process.write()
            process.heed()
            if process.is_alive:
                process.end("done")
            process.exit()
        while self.queue:
            self.work(self.queue[0])
            if self.processes[-1].is_alive:
                self.processes[-1].end("done")
        self.world.pass_time(TASK_LEASE + TASK_LOST_AFTER + 6_000)
        self.world.check_told()
        for task_id in self.tasks:
            state = self.world.state(task_id).get("state", "lost")
            assert state in {*ENDED, "queued"}, f"{task_id} is {state} for ever"

    @rule()
    def everybody_is_told(self) -> None:
        self.world.check_told()

    @invariant()
    def is_as_promised(self) -> None:
        self.world.check()
        self.world.check_nobody_is_forgotten()
        if "old data" in self.troubles:
            self.memories = [*self.memories, self.memory()][-MEMORIES:]


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return a Redis of this module's own, to be emptied at will."""
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        yield server.url


@pytest.mark.timeout(0)
def test_a_task_is_what_it_promises(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    worlds.rule_time(monkeypatch)
    machine = type("Life", (Life,), {"client": client})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=40,
            suppress_health_check=list(HealthCheck),
        ),
    )

"""The scripts of a task, call by call: orders of workers, sweepers and retriers in which something
once went wrong. ``test_task_model.py`` tries all others."""

from __future__ import annotations

from typing import Any

import pytest

from presence_progress import keys, rooms, task_room
from presence_progress.task_record import Message, State, TaskRecord
from tests.conftest import Events
from tests.test_progress import state_of


class Actors:
    """All who have to do with the tasks of a site."""

    def __init__(self, client: Any, site: str) -> None:
        self._client, self._site = client, site
        self._parents: dict[str, str | None] = {}

    def _record(self, task: str, attempt: int = 1, **fields: Any) -> TaskRecord:
        told = {"parent": self._parents.get(task), "attempt": attempt, **fields}
        return TaskRecord(task, self._site, "ann", "Task", **told)

    def run(self, call: rooms.Call[Any]) -> Any:
        return rooms.run(self._client, call)

    def enqueue(self, task: str, parent: str | None = None) -> None:
        self._parents[task] = parent
        self.run(task_room.write_call(self._record(task)))
        self.run(task_room.note_call(self._site, task, "job", "how"))
        self.tell(task)

    def begin(self, task: str, holder: str, attempt: int = 1, **more: Any) -> task_room.Begun:
        record = self._record(task, attempt, state="running")
        begun: task_room.Begun = self.run(task_room.begin_call(record, holder, **more))
        return begun

    def write(
        self, task: str, holder: str, state: State = "running", attempt: int = 1, **more: Any
    ) -> task_room.Written:
        messages: dict[int, Message] = more.pop("messages", {})
        record = self._record(task, attempt, state=state, **more)
        call = task_room.write_call(record, holder, messages=messages)
        written: task_room.Written = self.run(call)
        return written

    def gone(self, task: str, holder: str) -> task_room.Swept:
        swept: task_room.Swept = self.run(task_room.sweep_call(self._site, task, gone=holder))
        return swept

    def retry(self, task: str) -> int:
        retried: task_room.Retried = self.run(task_room.retry_call(self._site, task, "bob"))
        self.tell(task)
        return retried.attempt

    def tell(self, task: str) -> None:
        rooms.run_steps(self._client, task_room.tell(self._site, task))

    def cancel(self, task: str) -> str:
        return rooms.run_steps(self._client, task_room.cancel(self._site, task, "bob"))

    def forget(self, task: str, *parts: int) -> None:
        """Redis loses a task, or some of its keys."""
        found = keys.task_keys(self._site, task)
        self._client.delete(*(found[part] for part in parts or range(len(found))))

    def remember(self, task: str) -> dict[str, bytes]:
        found = keys.task_keys(self._site, task)
        return {key: dump for key in found if (dump := self._client.dump(key))}

    def restore(self, task: str, memory: dict[str, bytes]) -> None:
        self.forget(task)
        for key, dump in memory.items():
            self._client.restore(key, 1_000_000, dump)


@pytest.fixture
def actors(client: Any, site: str) -> Actors:
    return Actors(client, site)


def test_a_job_that_rq_runs_again_and_again_is_each_time_the_next_attempt(actors: Actors) -> None:
    actors.enqueue("t")
    for attempt in (1, 2, 3, 4):
        begun = actors.begin("t", f"holder{attempt}")
        assert (begun.state, begun.attempt) == ("running", attempt)
        actors.write("t", f"holder{attempt}", "failed", attempt)
    assert actors.retry("t") == 5
    assert actors.begin("t", "late").state == "superseded", "a retry has made another job"
    assert actors.begin("t", "holder5", 5).attempt == 5


def test_what_was_done_and_is_done_again_is_not_whole(actors: Actors) -> None:
    actors.enqueue("t")
    actors.begin("t", "one")
    record = actors._record("t", state="done", total=10, done=10)
    checkpoint = record.checkpoint(10)
    actors.run(task_room.write_call(record, "one", checkpoint=checkpoint))
    assert state_of("t")["percent"] == 100
    actors.begin("t", "two")  # RQ's worker died before it knew
    assert (state_of("t")["state"], state_of("t")["percent"]) == ("running", None)


def test_how_far_a_retry_goes_on_from_is_not_known_before_it_says_so(actors: Actors) -> None:
    actors.enqueue("t")
    actors.begin("t", "one")
    record = actors._record("t", state="running", total=10, done=5)
    actors.run(task_room.write_call(record, "one", checkpoint=record.checkpoint(5)))
    actors.write("t", "one", "failed", total=10, done=8)
    assert state_of("t")["percent"] == 80
    actors.retry("t")
    assert state_of("t")["percent"] is None
    actors.begin("t", "two", 2)
    actors.write("t", "two", attempt=2, total=10, done=5)
    assert state_of("t")["percent"] == 50


def test_a_cancelled_task_does_not_begin_in_a_later_attempt_either(actors: Actors) -> None:
    actors.enqueue("t")
    actors.begin("t", "one")
    actors.begin("t", "two")  # RQ's own retry
    actors.cancel("t")
    assert actors.gone("t", "two").state == "cancelled"
    assert actors.begin("t", "three").state == "cancelled"


def test_a_process_that_was_taken_for_lost_goes_on_with_its_children_and_messages(
    actors: Actors,
) -> None:
    actors.enqueue("t")
    actors.begin("t", "one")
    actors.enqueue("child", parent="t")
    message = {"n": 0, "level": "error", "row": 1, "message": "bad"}
    actors.write("t", "one", messages={0: message}, errors=1)
    assert actors.gone("t", "one").state == "lost"
    begun = actors.begin("t", "one", goes_on=True)
    assert (begun.state, begun.attempt) == ("running", 2)
    assert state_of("t")["children"] == {"total": 1, "done": 0, "failed": 0, "left": 1}
    assert actors.run(task_room.details_call(actors._site, "t")).messages == [message]
    actors.write("t", "one", "done", attempt=2)
    assert state_of("t")["state"] == "running", "its child has not ended"
    actors.begin("child", "two")
    actors.write("child", "two", "done")
    actors.tell("child")
    assert state_of("t")["state"] == "done"


def test_two_processes_do_not_take_turns_as_the_next_attempt(actors: Actors) -> None:
    actors.enqueue("t")
    actors.begin("t", "one")
    actors.gone("t", "one")
    assert actors.begin("t", "two").attempt == 2
    assert actors.begin("t", "one", goes_on=True).state == "superseded"
    assert state_of("t")["attempt"] == 2


def test_a_job_that_redis_forgot_it_had_begun_is_made_by_one_process_only(actors: Actors) -> None:
    actors.enqueue("t")
    queued = actors.remember("t")
    actors.begin("t", "one")
    actors.restore("t", queued)
    assert actors.begin("t", "two").attempt == 1, "RQ runs the job again"
    assert actors.write("t", "one").state == "superseded"
    renewed = actors.run(task_room.renew_call(actors._site, "t", "one"))
    assert renewed.state == "superseded"
    assert actors.gone("t", "one").state == "running", "it was another one that is gone"


def test_whoever_is_forgotten_to_run_says_so_and_is_told_that_it_was_news(actors: Actors) -> None:
    actors.enqueue("t")
    queued = actors.remember("t")
    actors.begin("t", "one")
    assert not actors.write("t", "one").is_news
    actors.restore("t", queued)
    written = actors.write("t", "one")
    assert (written.state, written.is_news) == ("running", True)
    assert not actors.write("t", "one").is_news
    actors.forget("t")
    assert actors.write("t", "one").is_news


def test_a_process_is_renewed_and_missed_whatever_its_attempt_is_by_now(actors: Actors) -> None:
    actors.enqueue("t")
    actors.begin("t", "one")
    actors.gone("t", "one")
    actors.begin("t", "one", goes_on=True)
    assert actors.run(task_room.renew_call(actors._site, "t", "one")).state == "running"
    assert actors.gone("t", "one").state == "lost"


def test_children_of_an_earlier_attempt_are_not_counted_in_the_next(actors: Actors) -> None:
    actors.enqueue("t")
    actors.begin("t", "one")
    actors.enqueue("child", parent="t")
    actors.gone("t", "one")
    assert actors.retry("t") == 2
    for state in ("running", "done"):
        actors.write("child", "two", state)
        actors.tell("child")
        assert state_of("t")["children"] is None
    actors.begin("t", "three", 2)
    actors.enqueue("another", parent="t")
    assert state_of("t")["children"] == {"total": 1, "done": 0, "failed": 0, "left": 1}


def test_who_tells_late_in_which_state_a_child_was_changes_nothing(actors: Actors) -> None:
    actors.enqueue("t")
    actors.begin("t", "one")
    actors.enqueue("child", parent="t")
    actors.enqueue("other", parent="t")
    actors.begin("child", "two")
    actors.write("child", "two", "failed")
    actors.tell("child")
    for state in ("running", "queued"):
        actors.run(task_room.child_call(actors._site, "t", "child", state, 1))
        assert state_of("t")["children"] == {"total": 2, "done": 0, "failed": 1, "left": 1}
    actors.retry("child")
    actors.run(task_room.child_call(actors._site, "t", "child", "failed", 1))
    assert state_of("t")["children"] == {"total": 2, "done": 0, "failed": 0, "left": 2}


def test_a_fan_out_that_grows_or_tries_again_does_not_go_back(actors: Actors) -> None:
    actors.enqueue("t")
    actors.begin("t", "one")
    actors.enqueue("first", parent="t")
    actors.enqueue("second", parent="t")
    actors.write("first", "two", "failed")
    actors.tell("first")
    assert (state_of("t")["percent"], state_of("t")["total_grown"]) == (50, False)
    actors.enqueue("third", parent="t")
    assert (state_of("t")["percent"], state_of("t")["total_grown"]) == (50, True)
    actors.retry("first")
    assert (state_of("t")["done"], state_of("t")["percent"]) == (0, 50)


def test_children_that_redis_has_lost_say_that_they_are_there(actors: Actors) -> None:
    actors.enqueue("t")
    actors.begin("t", "one")
    actors.enqueue("child", parent="t")
    actors.begin("child", "two")
    actors.forget("t")
    actors.forget("child")
    actors.write("t", "one")
    actors.write("child", "two")
    actors.tell("child")
    assert state_of("t")["children"] == {"total": 1, "done": 0, "failed": 0, "left": 1}


def test_a_cancelled_job_that_is_killed_is_cancelled_with_the_last_of_its_children(
    actors: Actors,
) -> None:
    actors.enqueue("t")
    actors.begin("t", "one")
    actors.enqueue("child", parent="t")
    actors.begin("child", "two")
    actors.cancel("t")
    assert actors.gone("t", "one").state == "cancelling"
    actors.write("child", "two", "cancelled")
    actors.tell("child")
    assert state_of("t")["state"] == "cancelled"


def test_after_its_own_end_a_job_says_nothing_more_while_its_children_go_on(
    actors: Actors, events: Events, client: Any
) -> None:
    actors.enqueue("t")
    actors.begin("t", "one")
    actors.enqueue("child", parent="t")
    client.hset(keys.task_keys(actors._site, "t")[1], "lease", 0)
    assert actors.gone("t", "").state == "stalled"
    assert actors.write("t", "one", "done", ok=5).state == "running", "it waits for its child"
    events.drain()
    late = actors.write("t", "one", ok=4)
    assert (late.state, late.is_taken) == ("running", False)
    # In its own room: a server of other tests may just have swept it, and tell the lists.
    assert events.changes(keys.task_room("t")) == [] and state_of("t")["ok"] == 5

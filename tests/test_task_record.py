"""What a job knows of its task: counted, capped, never taken back."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from presence_progress.rooms import to_json
from presence_progress.settings import MAX_KEPT_MESSAGES, MAX_LAST_MESSAGES, MAX_MESSAGES
from presence_progress.task_record import Messages, TaskRecord, plain_text

COUNTS = st.integers(0, 3 * MAX_KEPT_MESSAGES)


def a_task(**fields: Any) -> TaskRecord:
    return TaskRecord("t", "site", "ann", "Task", state="running", **fields)


def numbers(shown: list[dict[str, Any]]) -> list[int]:
    return [message["row"] for message in shown]


# --- messages -------------------------------------------------------------------------------------


@given(st.lists(st.integers(1, MAX_KEPT_MESSAGES), max_size=4))
def test_the_first_and_the_last_messages_are_kept_however_they_are_written(
    bursts: list[int],
) -> None:
    messages, stored, noted = Messages(), {}, 0
    for number, burst in enumerate(bursts):
        for _ in range(burst):
            messages.note("warning", "odd", noted)
            noted += 1
        taken = messages.take()
        if number % 2:
            stored.update(taken)
        else:
            messages.give_back(taken)  # Redis was away
    stored.update(messages.take())
    half = MAX_KEPT_MESSAGES // 2
    kept = sorted(message["n"] for message in stored.values())
    assert kept == [*range(min(noted, half)), *range(max(half, noted - half), noted)]
    assert numbers(messages.first) == [*range(min(noted, MAX_MESSAGES))]
    last = range(max(MAX_MESSAGES, noted - MAX_LAST_MESSAGES), noted)
    assert numbers(messages.last) == [*last]
    messages.write_all()
    assert messages.take() == stored


@given(written=COUNTS, under_way=COUNTS, unwritten=COUNTS, after=COUNTS)
def test_messages_go_on_where_the_checkpoint_was(
    written: int, under_way: int, unwritten: int, after: int
) -> None:
    messages, stored = Messages(), {}

    def note(messages: Messages, count: int) -> None:
        for _ in range(count):
            messages.note("error", "bad", messages.noted)

    note(messages, written)
    stored.update(messages.take())
    note(messages, under_way)
    messages.take()  # and with them on the way to Redis the job is killed
    note(messages, unwritten)
    checkpoint = messages.to_resume()
    again = Messages()
    again.resume(messages.noted, checkpoint)
    note(again, after)
    stored.update(again.take())
    noted = written + under_way + unwritten + after
    assert again.noted == noted
    half = MAX_KEPT_MESSAGES // 2
    kept = sorted(message["n"] for message in stored.values())
    assert kept == [*range(min(noted, half)), *range(max(half, noted - half), noted)]
    assert numbers(again.first) == [*range(min(noted, MAX_MESSAGES))]
    last = range(max(MAX_MESSAGES, noted - MAX_LAST_MESSAGES), noted)
    assert numbers(again.last) == [*last]


# --- how far --------------------------------------------------------------------------------------

SAID = st.one_of(
    st.tuples(st.just("advance"), st.integers(0, 50)),
    st.tuples(st.just("total"), st.none() | st.integers(0, 200)),
    st.tuples(st.just("stretch"), st.none() | st.integers(0, 200)),
    st.tuples(st.just("stage"), st.sampled_from(["Reading", "Writing", "Nothing"])),
)


@given(st.lists(SAID), st.booleans())
def test_done_is_at_most_total_and_the_percent_never_falls(
    said: list[tuple[str, Any]], has_stages: bool
) -> None:
    weights = {"Reading": 1.0, "Writing": 8.0} if has_stages else None
    task = a_task(total=10, weights=weights)
    shown = 0
    for what, value in said:
        if what == "advance":
            task.done += value
        elif what == "total":
            task.set_total(value)
        elif what == "stage":
            task.stage = value
        else:
            task.begin_stretch(value, None)
            shown = shown if has_stages else 0
        fields = task.fields()
        assert fields["total"] is None or fields["done"] <= fields["total"]
        if fields["percent"] is not None:
            assert shown <= fields["percent"] <= 99
            shown = fields["percent"]
    task.state = "done"
    fields = task.fields()
    assert fields["percent"] == (None if fields["total"] is None and not has_stages else 100)


def test_the_first_hundredth_of_a_whole_is_not_the_percent_of_its_stage() -> None:
    task = a_task(total=100, done=50, weights={"Reading": 1, "Writing": 999}, stage="Reading")
    assert task.percent() == 0


class Hasty(TaskRecord):
    """A job that makes a step whenever somebody looks."""

    def __getattribute__(self, name: str) -> Any:
        value = super().__getattribute__(name)
        if name in ("done", "total", "_stretch") and super().__getattribute__("is_looked_at"):
            self.hook()
        return value

    is_looked_at = False

    def hook(self) -> None:
        self.is_looked_at = False
        self.work()
        self.is_looked_at = True

    def work(self) -> None:
        self.done += 1


def test_a_step_while_its_thread_reads_is_not_beyond_the_total() -> None:
    task = Hasty("t", "site", "ann", "Task", state="running", total=10, done=9)
    task.is_looked_at = True
    for _ in range(5):
        fields = task.fields()
        assert fields["done"] <= fields["total"]


def test_a_stretch_that_begins_while_its_thread_reads_begins_at_nought() -> None:
    class Another(Hasty):
        def work(self) -> None:
            self.begin_stretch(1000, None)

    task = Another("t", "site", "ann", "Task", state="running", total=100, done=99)
    task.is_looked_at = True
    task.fields()
    task.is_looked_at = False
    fields = task.fields()
    assert (fields["done"], fields["total"], fields["percent"]) == (0, 1000, 0)
    assert not fields["total_grown"]


@pytest.mark.parametrize("at", range(1, 4))
def test_a_stage_that_begins_while_its_thread_reads_has_nothing_done(at: int) -> None:
    class Next(Hasty):
        looks = 0

        def work(self) -> None:
            self.looks += 1
            if self.looks == at:
                self.begin_stretch(10, "Writing")

    task = Next(**reading())
    task.is_looked_at = True
    task.fields()
    task.is_looked_at = False
    assert task.fields()["percent"] == 10


def test_a_stage_that_is_read_while_it_begins_has_nothing_done() -> None:
    class Watched(TaskRecord):
        def __setattr__(self, name: str, value: Any) -> None:
            super().__setattr__(name, value)
            if self.state == "running" and name in ("done", "total", "stage"):
                self.percent()

    task = Watched(**{**reading(), "state": "queued"})
    task.state = "running"
    task.begin_stretch(10, "Writing")
    assert task.fields()["percent"] == 10


def reading() -> dict[str, Any]:
    """Return a task that has done the first of its two stages."""
    whole = {"weights": {"Reading": 1.0, "Writing": 9.0}, "stage": "Reading", "total": 10}
    return {**vars(a_task(**whole)), "done": 10}


def test_a_total_that_grows_is_told_and_one_that_shrinks_is_not() -> None:
    task = a_task(total=10)
    task.set_total(5)
    assert not task.fields()["total_grown"]
    task.set_total(6)
    assert task.fields()["total_grown"]
    task.begin_stretch(3, None)
    assert not task.fields()["total_grown"]
    task.done = 4
    fields = task.fields()
    assert (fields["total"], fields["total_grown"]) == (4, True)


# --- from one attempt to the next -----------------------------------------------------------------


@given(
    done=st.integers(0, 100),
    rows=st.tuples(COUNTS, st.integers(0, 30), st.integers(0, 30)),
    value=st.none() | st.integers() | st.dictionaries(st.text(), st.integers()),
)
def test_a_checkpoint_gives_the_next_attempt_all_that_it_counts(
    done: int, rows: tuple[int, int, int], value: Any
) -> None:
    task = a_task(total=100, done=done, stage="Reading", ok=rows[0])
    for row in range(rows[1]):
        task.note("warning", "odd", row)
    for row in range(rows[2]):
        task.note("error", "bad", row)
    checkpoint = task.checkpoint(value)
    to_json(checkpoint, "the checkpoint")
    again = a_task(attempt=2)
    again.resume(checkpoint)
    assert checkpoint["value"] == value
    counted = ("stage", "done", "total", "ok", "warnings", "errors", "percent", "messages")
    before, after = task.fields(), again.fields()
    assert {name: before[name] for name in counted} == {name: after[name] for name in counted}
    # A loop that is begun again is the one that the checkpoint was made in.
    again.begin_stretch(100, again.stage)
    assert again.done == done


# --- texts ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "read"),
    [
        ("plain", "plain"),
        ("3 < 5 and 7 > 2", "3 < 5 and 7 > 2"),
        ("one<br>two<p>three</p>", "one\ntwothree"),
        ("<b>Row&nbsp;3</b>: &lt;b&gt;", "Row\xa03: <b>"),
        ("<script>alert(1)</script>", "alert(1)"),
    ],
)
def test_html_is_read_as_text(told: str, read: str) -> None:
    assert plain_text(told) == read


@given(st.text(), st.integers(1, 50))
def test_no_text_is_longer_than_it_may_be(text: str, longest: int) -> None:
    assert len(plain_text(text, longest)) <= longest

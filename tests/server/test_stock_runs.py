"""What Frappe's own progress events say, and where a run ends: without I/O."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from presence_progress.server.bus import Event, read_event
from presence_progress.server.stock_runs import EVENTS, Heard, Run, read

USER = "user:elif@example.com"


def hear(event: str, message: Any, room: str | None = USER, site: str | None = "a.test") -> Any:
    return read(Event(event, Raw(json.dumps(message).encode()), room, site))


# --- reading ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "value", "done", "total"),
    [
        ({"percent": 42}, 42.0, None, None),
        ({"percent": 33.4}, 33.4, None, None),
        ({"percent": "42"}, 42.0, None, None),
        ({"percent": "42 %"}, 42.0, None, None),
        ({"percent": 0}, 0.0, None, None),
        ({"percent": 108.3}, 100.0, None, None),
        ({"percent": -1}, 0.0, None, None),
        ({"percent": [3, 4]}, 75.0, 3, 4),
        ({"progress": [3, 12]}, 25.0, 3, 12),
        ({"progress": [13, 12]}, 100.0, 12, 12),
        ({"progress": 7, "total": 10}, 70.0, 7, 10),
        ({"current": 1, "total": 300}, 100 / 300, 1, 300),
        ({"progress": ["a", None]}, None, None, None),
        ({"progress": [1, 0]}, None, None, None),
        ({"progress": [1, 2, 3]}, None, None, None),
        ({"percent": None}, None, None, None),
        ({"percent": True}, None, None, None),
        ({"percent": "half"}, None, None, None),
        ({"percent": "nan"}, None, None, None),
        ({"percent": 10**400}, None, None, None),
        ({"current": 5}, None, None, None),
        (42, 42.0, None, None),
        ([1, 4], 25.0, 1, 4),
        ("words", None, None, None),
    ],
)
def test_how_far_it_is_is_read_from_all_that_apps_send(
    message: Any, value: float | None, done: int | None, total: int | None
) -> None:
    heard = hear("progress", message)
    assert (heard.value, heard.done, heard.total) == (value, done, total)


@pytest.mark.parametrize(
    ("room", "user", "doctype", "name"),
    [
        ("user:elif@example.com", "elif@example.com", None, None),
        ("doc:Sales Invoice/A/1", None, "Sales Invoice", "A/1"),
        ("doctype:Sales Invoice", None, "Sales Invoice", None),
    ],
)
def test_the_room_says_who_may_know(
    room: str, user: str | None, doctype: str | None, name: str | None
) -> None:
    heard = hear("progress", {"percent": 1, "title": "Posting", "description": "one"}, room)
    assert (heard.user, heard.doctype, heard.name) == (user, doctype, name)
    assert (heard.title, heard.stage, heard.source) == ("Posting", "one", "progress")


@pytest.mark.parametrize(
    ("event", "message", "room", "site"),
    [
        ("progress", {"percent": 1}, None, "a.test"),
        ("progress", {"percent": 1}, USER, None),
        ("progress", {"percent": 1}, "all", "a.test"),
        ("progress", {"percent": 1}, "website", "a.test"),
        ("progress", {"percent": 1}, "user:Guest", "a.test"),
        ("progress", {"percent": 1}, "user:" + "x" * 600, "a.test"),
        ("progress", {"percent": 1}, "doc:Sales Invoice", "a.test"),
        ("task_progress", {"percent": 1}, "task_progress:", "a.test"),
        ("progress", {"percent": 1, "description": "x" * 100_000}, USER, "a.test"),
        ("progress", None, USER, "a.test"),
        ("data_import_progress", {"current": 1, "total": 2}, USER, "a.test"),
        ("data_import_progress", {"data_import": ["x"]}, USER, "a.test"),
        ("data_import_refresh", {}, "all", "a.test"),
        ("task_update", {"task_id": "a"}, "all", "a.test"),
        ("task_update", {"progress": 1}, USER, "a.test"),
    ],
)
def test_what_is_nobodys_or_nothing_is_not_kept(
    event: str, message: Any, room: str | None, site: str | None
) -> None:
    assert hear(event, message, room, site) is None


def test_each_kind_has_an_identity_of_its_own() -> None:
    messages = {
        "progress": {"percent": 1, "title": "x"},
        "task_progress": {"percent": 1},
        "data_import_progress": {"data_import": "x", "current": 1, "total": 2},
        "task_update": {"task_id": "x", "progress": 1},
    }
    rooms = {"task_progress": "task_progress:x"}
    ids = {
        event: hear(event, message, rooms.get(event, USER)).task_id
        for event, message in messages.items()
    }
    assert ids["task_progress"] == "frappe:task:x"
    assert ids["data_import_progress"] == "frappe:data_import:x"
    assert ids["task_update"] == "frappe:background_task:x"
    assert len(set(ids.values())) == 4
    same = hear("progress", {"percent": 1, "title": "x"}, "task_progress:x")
    assert same.task_id == ids["task_progress"]
    other_user = hear("progress", {"percent": 1, "title": "x"}, "user:vera@example.com")
    assert other_user.task_id != ids["progress"]


def test_a_task_id_in_users_rooms_does_not_make_their_tasks_one() -> None:
    message = {"task_id": "sync", "percent": 1}
    one, other = (hear("progress", message, room) for room in (USER, "user:vera@example.com"))
    assert one.task_id != other.task_id


def test_texts_are_plain_and_not_too_long() -> None:
    heard = hear(
        "progress", {"percent": 1, "title": "<b>A</b>" * 100, "description": "<p>" * 9_000}
    )
    assert heard.title.startswith("AAA") and len(heard.title) <= 140
    assert heard.stage is None
    assert len(hear("task_progress", {"message": "y" * 5_000}, "task_progress:1").stage) <= 300
    assert len(hear("task_progress", {}, "task_progress:" + "y" * 400).task_id) < 250


@pytest.mark.parametrize(
    ("event", "message", "state"),
    [
        ("progress", {"percent": 99.99}, None),
        ("progress", {"percent": 100}, "done"),
        ("progress", {"percent": 99.9999999}, "done"),
        ("progress", {"progress": [3, 3]}, "done"),
        ("data_import_progress", {"data_import": "x", "current": 3, "total": 3}, "done"),
        ("data_import_refresh", {"data_import": "x"}, "done"),
        ("task_update", {"task_id": "x", "progress": 100}, None),
        ("task_update", {"task_id": "x", "status": "Queued"}, "queued"),
        ("task_update", {"task_id": "x", "status": "Running"}, "running"),
        ("task_update", {"task_id": "x", "status": "Completed"}, "done"),
        ("task_update", {"task_id": "x", "status": "Failed"}, "failed"),
        ("task_update", {"task_id": "x", "status": "Cancelled"}, "cancelled"),
        ("task_update", {"task_id": "x", "status": ["?"]}, None),
    ],
)
def test_an_end_is_known_by_what_is_said(event: str, message: Any, state: str | None) -> None:
    assert hear(event, message).state == state


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(width=32) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
NAMES = st.sampled_from(
    [
        *("percent", "progress", "current", "total", "title", "description", "stage", "message"),
        *("task_id", "task_name", "data_import", "status", "eta"),
    ]
)
ROOMS = st.sampled_from(
    [USER, "user:", "doc:A/b", "doc:/", "doctype:A", "task_progress:", "task_progress:1", "all", ""]
)


@given(st.sampled_from(sorted(EVENTS)), JSON | st.dictionaries(NAMES, JSON), ROOMS)
def test_nothing_that_an_app_sends_raises(event: str, message: Any, room: str) -> None:
    envelope = {"event": event, "message": message, "room": room, "namespace": "a.test"}
    came = read_event(json.dumps(envelope).encode())
    heard = came and read(came)
    if heard:
        run = Run(0, 0)
        run.take(heard, 0)
        assert heard.value is None or 0 <= heard.value <= 100
        fields = run.fields()
        assert not fields or fields["total"] is None or 0 <= fields["done"] <= fields["total"]
        json.dumps(fields, allow_nan=False)


# --- runs ---------------------------------------------------------------------------------------


def runs_of(*values: float | str, gap: float = 1.0) -> int:
    """Return as how many runs a server takes percentages that come one after the other."""
    run, count = Run(0.0, 0.0), 1
    for number, value in enumerate(values):
        now = number * gap
        heard = of(value)
        if run.version and run.is_over_with(heard, now):
            run, count = Run(now, now), count + 1
        run.take(heard, now)
    return count


def of(value: float | str) -> Heard:
    if isinstance(value, str):
        return Heard("x", "background_task", USER, state=value)  # type: ignore[arg-type]
    return Heard("x", "progress", USER, value=value, state="done" if value == 100 else None)


@pytest.mark.parametrize(
    ("values", "runs"),
    [
        ((1, 50, 100), 1),
        ((1, 50, 100, 100), 1),
        ((1, 100, 1, 100), 2),
        ((10, 60, 10, 20), 2),
        ((10, 60, 5, 20), 2),
        ((1, 60, 59, 61, 58), 1),
        # Two jobs of one title, side by side: one restart for the second's beginning.
        ((1, 50, 1, 51, 2, 52, 3, 53), 2),
        (("queued", "running", 40, "failed", "queued", "running", "done"), 2),
        (("running", 40, "queued"), 2),
        (("running", "done", "running"), 2),
    ],
)
def test_a_value_that_falls_is_another_run_where_it_is_a_beginning(
    values: tuple[float | str, ...], runs: int
) -> None:
    assert runs_of(*values) == runs


def test_a_value_that_falls_after_a_long_silence_is_another_run() -> None:
    assert runs_of(1, 60, 30, gap=1) == 1
    assert runs_of(1, 60, 30, gap=61) == 2
    assert runs_of(100, 100, gap=61) == 2


def test_steps_that_begin_again_are_another_run_even_if_there_are_fewer() -> None:
    run = Run(0, 0)
    run.take(Heard("x", "progress", USER, value=1, done=1, total=100), 0)
    run.take(Heard("x", "progress", USER, value=30, done=30, total=100), 1)
    assert run.is_over_with(Heard("x", "progress", USER, value=20, done=1, total=5), 2)


def test_what_an_event_leaves_open_stays() -> None:
    run = Run(0, 0)
    run.take(Heard("x", "progress", USER, value=30, stage="row 3"), 0)
    assert run.take(Heard("x", "progress", USER), 1)
    assert (run.value, run.stage, run.count) == (30, "row 3", 2)
    assert not run.take(Heard("x", "progress", USER, value=20, stage="row 2"), 2)
    assert run.stage == "row 3"

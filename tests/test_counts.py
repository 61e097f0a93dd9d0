"""Counts that are kept, and events that are not."""

from typing import Any

import pytest

from presence_progress import context, counts
from presence_progress.keys import BadRoom
from presence_progress.rooms import BadField
from tests.conftest import Events, free_port


def test_a_count_is_kept_and_told(site: str, events: Events) -> None:
    counts.set("open", 3, scope="doctype:ToDo")
    assert counts.get("open", scope="doctype:ToDo") == 3
    [change] = events.changes("count:doctype:ToDo/open")
    assert change["set"] == {"value": 3}


def test_adding_is_one_step_and_answers_what_is_then(site: str, events: Events) -> None:
    assert [counts.add("open"), counts.add("open", 41), counts.add("open", -2)] == [1, 42, 40]
    values = [change["set"]["value"] for change in events.changes("count:site/open")]
    assert values == [1, 42, 40]


def test_a_big_count_stays_exact(site: str) -> None:
    counts.set("big", 2**52)
    assert counts.add("big") == 2**52 + 1


def test_a_count_that_was_never_written_is_nought(site: str) -> None:
    assert counts.get("nothing") == 0


@pytest.mark.parametrize("value", ["3", None, True, 1.5, float("nan")])
def test_what_is_no_whole_number_is_no_count(site: str, value: Any) -> None:
    with pytest.raises(BadField):
        counts.set("open", value)


@pytest.mark.parametrize("scope", ["", "everyone", "user:", "doc:ToDo", "doctype:a/b"])
def test_an_unknown_scope_is_refused_with_the_known_ones(site: str, scope: str) -> None:
    with pytest.raises(BadRoom):
        counts.set("open", 1, scope=scope)


@pytest.mark.parametrize(
    ("arguments", "event", "message", "room"),
    [
        ({}, "global", {}, "all"),
        ({"event": "x", "message": [1]}, "x", [1], "all"),
        ({"event": "x", "user": "ann"}, "x", {}, "user:ann"),
        ({"event": "x", "doctype": "ToDo", "docname": "a"}, "x", {}, "doc:ToDo/a"),
        ({"event": "x", "user": "ann", "doctype": "ToDo", "docname": "a"}, "x", {}, "user:ann"),
        ({"task_id": "t"}, "task_progress", {"task_id": "t"}, "task_progress:t"),
        ({"event": "x", "task_id": "t", "room": "r"}, "x", {}, "r"),
        ({"event": "x", "room": "website", "user": "ann"}, "x", {}, "website"),
        (
            {"event": "list_update", "message": {"doctype": "ToDo"}},
            "list_update",
            None,
            "doctype:ToDo",
        ),
        (
            {"event": "docinfo_update", "doctype": "ToDo", "docname": "a", "room": "r"},
            "docinfo_update",
            {},
            "doc:ToDo/a",
        ),
    ],
)
def test_an_event_goes_where_frappe_would_send_it(
    site: str, events: Events, arguments: dict[str, Any], event: str, message: Any, room: str
) -> None:
    counts.publish_realtime(**arguments)
    message = arguments.get("message") if message is None else message
    assert events.drain() == [{"event": event, "message": message, "room": room, "namespace": site}]


def test_an_event_that_cannot_be_sent_is_lost_and_no_error(site: str) -> None:
    context.configure(redis_url=f"redis://127.0.0.1:{free_port()}")
    counts.publish_realtime("lost")

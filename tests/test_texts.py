"""What can be a name, what is sent back of what cannot, and that nothing else is stored."""

from __future__ import annotations

import json
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from presence_progress import context, counts, keys, presence, progress, rooms, task_room, texts
from presence_progress.keys import BadRoom
from presence_progress.rooms import BadField
from tests.conftest import Events

HALF = "\ud83d"
"""Half of an emoji, as ``"🎉"[0]`` is in a browser."""
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters()),
    lambda values: st.lists(values, max_size=3) | st.dictionaries(st.text(), values, max_size=3),
    max_leaves=10,
)
BAD_NAMES: list[Any] = [
    *(HALF, f"a{HALF}b", "\udc00", "a\0b", "x" * 501, ""),
    *(1.5, float("nan"), True, -1, 2**63, 10**400, None, b"x", ["x"], {}),
]


@given(JSON)
@example({"a": [HALF]})
@example({HALF: 1})
def test_what_is_unicode_throughout_can_be_encoded(value: Any) -> None:
    text = json.dumps(value, ensure_ascii=False)
    assert texts.is_all_unicode(value) == texts.is_unicode(text)
    texts.well_formed(text).encode()
    texts.echo(value).encode()


@pytest.mark.parametrize("name", BAD_NAMES)
def test_what_can_be_no_name_makes_no_room(name: Any) -> None:
    for build in (
        lambda: keys.document("ToDo", name),
        lambda: keys.presence_room("ToDo", name),
        lambda: keys.document_tasks_room("ToDo", name),
        lambda: keys.presence_room(name, "x"),
        lambda: keys.task_room(name),
        lambda: keys.user_tasks_room(name),
        lambda: keys.count_room("site", name),
        lambda: keys.count_room(f"user:{name}" if isinstance(name, str) else name, "x"),
        lambda: keys.parse_room(f"presence:ToDo/{name}" if isinstance(name, str) else name),
    ):
        with pytest.raises(BadRoom) as refusal:
            build()
        assert len(str(refusal.value).encode()) < 400


def test_a_room_that_is_built_is_never_longer_than_one_that_is_read() -> None:
    for build in (
        lambda: keys.presence_room("x" * 300, "y" * 300),
        lambda: keys.document("x" * 300, "y" * 300),
        lambda: keys.count_room("user:" + "x" * 300, "y" * 300),
        lambda: keys.task_room("x" * 498),
    ):
        with pytest.raises(BadRoom, match="at most 500"):
            build()


@pytest.mark.parametrize(
    "filters", [{"a": HALF}, {HALF: 1}, [["a", "=", f"{HALF}x"]], {"a": ["in", [HALF]]}]
)
def test_filters_with_half_an_emoji_are_no_query_however_they_are_spelt(filters: Any) -> None:
    with pytest.raises(BadRoom):
        keys.query_room("ToDo", filters)
    with pytest.raises(BadRoom):
        keys.parse_room(f"query:ToDo/{json.dumps(filters)}")


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("document name", lambda: presence.enter("ToDo", HALF, session="s")),
        ("DocType", lambda: presence.leave(HALF, "x", session="s")),
        ("focus", lambda: presence.enter("ToDo", "x", session="s", focus=HALF)),
        ("focus", lambda: presence.enter("ToDo", "x", session="s", focus="x" * 141)),
        ("session", lambda: presence.enter("ToDo", "x", session=HALF)),
        ("session", lambda: presence.enter("ToDo", "x", session="s" * 501)),
        ("user", lambda: presence.enter("ToDo", "x", session="s", user=f"u{HALF}")),
        ("who", lambda: presence.enter("ToDo", "x", session="s", who=presence.Who(HALF))),
        ("count", lambda: counts.set(HALF, 1)),
        ("scope", lambda: counts.set("x", 1, scope=HALF)),
        ("count", lambda: counts.set("x", 2**53)),
        ("message", lambda: counts.publish_realtime("x", {"a": [HALF]})),
        ("message", lambda: counts.publish_realtime("x", room=HALF)),
        ("document name", lambda: progress.Task("x", doctype="ToDo", name="x" * 501)),
        ("document name", lambda: progress.enqueue("os.getcwd", doctype="ToDo", name=HALF)),
    ],
)
def test_what_cannot_be_stored_is_named_and_nothing_is_written(
    site: str, events: Events, name: str, write: Any
) -> None:
    before = sorted(context.store().scan_iter("presence_progress:*"))
    with pytest.raises((BadRoom, BadField), match=name):
        write()
    assert events.drain() == []
    assert sorted(context.store().scan_iter("presence_progress:*")) == before


def test_a_field_is_refused_by_its_name() -> None:
    for values in ({"title": HALF}, {"title": {"a": [HALF]}}, {"title": {HALF: 1}}):
        with pytest.raises(BadField, match="title"):
            rooms.field_arguments(values)
    with pytest.raises(BadField, match="field"):
        rooms.field_arguments({HALF: 1})


# --- what people have ----------------------------------------------------------------------------


def test_a_document_that_is_numbered_by_the_database_is_named_by_its_number(site: str) -> None:
    presence.enter("Ticket", 12, session="job", user="ann")
    assert set(presence.viewers("Ticket", "12")) == set(presence.viewers("Ticket", 12)) == {"ann"}
    assert presence.count("Ticket", 12) == presence.here("Ticket", 12).count == 1
    presence.leave("Ticket", 12, session="job", user="ann")
    assert presence.viewers("Ticket", "12") == {}


def test_a_task_is_about_a_document_that_is_numbered_by_the_database(site: str) -> None:
    with progress.Task("x", doctype="Ticket", name=12, user="ann") as task:
        for _ in progress.track(range(2), title="y", doctype="Ticket", name=12):
            pass
    state = rooms.snapshot(keys.task_room(task.id)).state
    assert (state["doctype"], state["name"], state["state"]) == ("Ticket", "12", "done")
    assert keys.document_tasks_room("Ticket", 12) in task_room.list_rooms(state)
    assert task.id in rooms.snapshot("tasks:doc:Ticket/12").state


def test_what_frappe_has_a_spelling_for_is_published_in_it(site: str, events: Events) -> None:
    at = datetime(2026, 11, 29, 16, 5, 7, 250)
    written = {
        "datetime": (at, "2026-11-29 16:05:07.000250"),
        "date": (date(2026, 1, 2), "2026-01-02"),
        "time": (time(1, 2, 3), "01:02:03"),
        "long": (timedelta(days=1, hours=2, minutes=3, seconds=4), "26:03:04"),
        "short": (timedelta(seconds=5, milliseconds=500), "0:00:5.5"),
        "decimal": (Decimal("1.10"), 1.1),
        "id": (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        "set": ({1}, [1]),
    }
    message = {name: value for name, (value, _) in written.items()}
    counts.publish_realtime("x", message, doctype="Ticket", docname=12)
    [event] = events.drain()
    assert event["message"] == {name: text for name, (_, text) in written.items()}
    assert event["room"] == "doc:Ticket/12"


@pytest.mark.parametrize("value", [Decimal("NaN"), object(), float("inf")])
def test_what_has_no_spelling_in_json_is_refused(site: str, value: Any) -> None:
    with pytest.raises(BadField, match="message"):
        counts.publish_realtime("x", {"a": value})

"""The primitive against a real Redis: what is stored, what is published, in which order."""

import json
from pathlib import Path
from typing import Any

import pytest

from presence_progress import keys, rooms
from presence_progress.rooms import BadField, Change, Snapshot
from tests.conftest import Events

VECTORS = json.loads((Path(__file__).parent / "vectors" / "changes.json").read_text())
ROOM = "count:site/things"


@pytest.mark.parametrize("case", VECTORS, ids=lambda case: case["name"])
def test_a_change_is_judged_as_the_browser_judges_it(case: dict[str, Any]) -> None:
    before = Snapshot(**case["snapshot"])
    outcome, after = rooms.apply_change(before, Change(**case["change"]))
    assert outcome == case["result"]
    assert {"epoch": after.epoch, "seq": after.seq, "state": after.state} == case["after"]


def set_fields(client: Any, site: str, values: dict[str, Any], unset: tuple[str, ...] = ()) -> Any:
    return rooms.run(client, rooms.set_call(site, ROOM, 60, values, unset))


def test_a_change_is_stored_and_published_in_frappes_format(
    client: Any, site: str, events: Events
) -> None:
    epoch, seq = set_fields(client, site, {"a": 1, "b": {"c": [None, 'ü/\u2028"\\']}})
    assert seq == 1 and epoch
    assert events.drain() == [
        {
            "event": "room_change",
            "message": {
                "room": ROOM,
                "epoch": epoch,
                "seq": 1,
                "set": {"a": 1, "b": {"c": [None, 'ü/\u2028"\\']}},
                "unset": [],
            },
            "room": ROOM,
            "namespace": site,
        }
    ]
    assert rooms.snapshot(ROOM) == Snapshot(
        ROOM, epoch, 1, {"a": 1, "b": {"c": [None, 'ü/\u2028"\\']}}
    )


def test_what_changes_nothing_is_not_published(client: Any, site: str, events: Events) -> None:
    first = set_fields(client, site, {"a": 1})
    events.drain()
    assert set_fields(client, site, {"a": 1}, ("b",)) == first
    assert events.drain() == []


def test_only_what_is_new_is_published(client: Any, site: str, events: Events) -> None:
    set_fields(client, site, {"a": 1, "b": 2})
    events.drain()
    set_fields(client, site, {"a": 1, "b": 3}, ("c",))
    [change] = events.changes(ROOM)
    assert (change["seq"], change["set"], change["unset"]) == (2, {"b": 3}, [])


def test_unset_fields_go(client: Any, site: str, events: Events) -> None:
    set_fields(client, site, {"a": 1, "b": 2})
    events.drain()
    set_fields(client, site, {}, ("a",))
    assert events.changes(ROOM)[0]["unset"] == ["a"]
    assert rooms.snapshot(ROOM).state == {"b": 2}


def test_a_room_that_was_never_written_has_no_epoch(site: str) -> None:
    assert rooms.snapshot(ROOM) == Snapshot(ROOM, "", 0, {})


def test_nothing_written_into_nothing_is_nothing(client: Any, site: str, events: Events) -> None:
    assert set_fields(client, site, {}, ("a",)) == ("", 0)
    assert events.drain() == [] and not client.exists(keys.room_key(site, ROOM))


def test_a_room_that_was_lost_begins_a_new_life(client: Any, site: str, events: Events) -> None:
    old_epoch, _ = set_fields(client, site, {"a": 1})
    client.delete(keys.room_key(site, ROOM))
    new_epoch, seq = set_fields(client, site, {"a": 1})
    assert new_epoch != old_epoch and seq == 1
    assert [change["epoch"] for change in events.changes(ROOM)] == [old_epoch, new_epoch]


def test_every_write_renews_the_time_to_live(client: Any, site: str) -> None:
    set_fields(client, site, {"a": 1})
    client.expire(keys.room_key(site, ROOM), 5)
    set_fields(client, site, {"a": 1})
    assert client.ttl(keys.room_key(site, ROOM)) > 50


def test_changes_replayed_over_an_early_snapshot_give_the_late_one(
    client: Any, site: str, events: Events
) -> None:
    set_fields(client, site, {"n": 0})
    now = rooms.snapshot(ROOM)
    events.drain()
    for n in range(50):
        set_fields(client, site, {"n": n, f"f{n % 7}": n}, (f"f{(n + 3) % 7}",))
    for message in events.changes(ROOM):
        outcome, now = rooms.apply_change(now, Change(**message))
        assert outcome in ("applied", "old")
    assert now == rooms.snapshot(ROOM)


def test_a_redis_that_forgot_its_scripts_is_told_again(client: Any, site: str) -> None:
    set_fields(client, site, {"a": 1})
    client.script_flush()
    set_fields(client, site, {"a": 2})
    assert rooms.snapshot(ROOM).state == {"a": 2}


@pytest.mark.parametrize("value", [object(), float("nan"), {1, 2}])
def test_a_value_that_json_cannot_say_is_named(client: Any, site: str, value: object) -> None:
    with pytest.raises(BadField, match="'colour'"):
        set_fields(client, site, {"colour": value})


@pytest.mark.parametrize("field", ["", ":epoch", 7])
def test_a_field_that_is_none_is_refused(client: Any, site: str, field: Any) -> None:
    with pytest.raises(BadField, match="field"):
        set_fields(client, site, {field: 1})


def test_every_script_says_what_it_takes(site: str) -> None:
    folder = Path(rooms.__file__).parent / "scripts"
    for path in folder.glob("[!_]*.lua"):
        script = path.read_text()
        assert script.startswith("-- "), path.name
        assert "-- KEYS[1] - " in script or ".lua has them" in script, path.name
        assert "-- Returns " in script, path.name

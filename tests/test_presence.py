"""Presence in Redis: one user is one viewer, leases end, a return within the grace shows
nothing."""

from collections.abc import Iterator
from typing import Any

import pytest

from presence_progress import keys, presence, rooms
from presence_progress.presence import Presence, Who
from presence_progress.rooms import BadField
from tests.conftest import Events, RedisServer

ROOM = "presence:ToDo/a"


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return a Redis of this module's own: the servers of other tests would sweep its rooms."""
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server.url
    server.stop()


def make(site: str, session: str = "s1", user: str = "ann", **more: Any) -> Presence:
    return Presence(site, "ToDo", "a", session, user, Who(user.title(), f"/{user}.png"), **more)


def enter(client: Any, site: str, *args: Any, **more: Any) -> None:
    rooms.run(client, presence.enter_call(make(site, *args, **more)))


def leave(client: Any, site: str, session: str = "s1", user: str = "ann", grace: int = 0) -> None:
    rooms.run(client, presence.leave_call(make(site, session, user), grace))


def end_lease(client: Any, site: str, session: str = "s1", user: str = "ann") -> None:
    """Let a lease be over, without waiting for it."""
    assert client.zadd(keys.leases_key(site, ROOM), {f"{session} {user}": 1}, xx=True, ch=True)


def test_whoever_enters_is_seen_with_name_picture_and_activity(
    client: Any, site: str, events: Events
) -> None:
    enter(client, site, activity="editing", focus="city")
    [change] = events.changes(ROOM)
    viewer = change["set"]["ann"]
    assert viewer.pop("since") > 1_700_000_000_000
    assert viewer == {"name": "Ann", "image": "/ann.png", "activity": "editing", "focus": "city"}
    assert presence.viewers("ToDo", "a")["ann"]["activity"] == "editing"


def test_two_tabs_are_one_viewer_and_the_strongest_activity_wins(
    client: Any, site: str, events: Events
) -> None:
    enter(client, site, "s1", activity="idle")
    enter(client, site, "s2", activity="editing", focus="city")
    enter(client, site, "s3", activity="viewing")
    assert list(presence.viewers("ToDo", "a")) == ["ann"]
    assert presence.viewers("ToDo", "a")["ann"]["activity"] == "editing"
    leave(client, site, "s2")
    assert presence.viewers("ToDo", "a")["ann"]["activity"] == "viewing"
    leave(client, site, "s3")
    assert presence.viewers("ToDo", "a")["ann"]["activity"] == "idle"
    assert not any(change["unset"] for change in events.changes(ROOM))
    leave(client, site, "s1")
    assert events.changes(ROOM)[0]["unset"] == ["ann"]


def test_a_second_tab_with_nothing_new_shows_nothing(
    client: Any, site: str, events: Events
) -> None:
    enter(client, site, "s1")
    events.drain()
    enter(client, site, "s2")
    leave(client, site, "s2")
    assert events.drain() == []


def test_since_is_kept_through_updates(client: Any, site: str) -> None:
    enter(client, site)
    since = presence.viewers("ToDo", "a")["ann"]["since"]
    enter(client, site, activity="idle")
    assert presence.viewers("ToDo", "a")["ann"]["since"] == since


def test_a_session_whose_lease_is_over_goes_in_one_change(
    client: Any, site: str, events: Events
) -> None:
    for user in ("ann", "bob", "eve"):
        enter(client, site, "s1", user)
    end_lease(client, site, "s1", "ann")
    end_lease(client, site, "s1", "bob")
    events.drain()
    assert rooms.run(client, presence.sweep_call(site, ROOM)) > 0
    [change] = events.changes(ROOM)
    assert sorted(change["unset"]) == ["ann", "bob"]
    assert list(presence.viewers("ToDo", "a")) == ["eve"]


def test_every_call_ends_what_has_expired(client: Any, site: str, events: Events) -> None:
    enter(client, site, "s1", "ann")
    end_lease(client, site)
    events.drain()
    enter(client, site, "s1", "bob")
    [change] = events.changes(ROOM)
    assert change["unset"] == ["ann"] and list(change["set"]) == ["bob"]


def test_a_lost_session_that_comes_back_within_the_grace_shows_nothing(
    client: Any, site: str, events: Events
) -> None:
    enter(client, site, "s1")
    since = presence.viewers("ToDo", "a")["ann"]["since"]
    events.drain()
    leave(client, site, "s1", grace=8000)
    enter(client, site, "s2")
    assert events.drain() == []
    assert presence.viewers("ToDo", "a")["ann"]["since"] == since


def test_whoever_came_back_and_leaves_is_gone_at_once(
    client: Any, site: str, events: Events
) -> None:
    enter(client, site, "s1")
    leave(client, site, "s1", grace=8000)
    enter(client, site, "s2")
    leave(client, site, "s2")
    assert events.changes(ROOM)[-1]["unset"] == ["ann"]


def test_a_lost_session_that_stays_away_goes_when_the_grace_is_over(
    client: Any, site: str, events: Events
) -> None:
    enter(client, site)
    leave(client, site, grace=8000)
    events.drain()
    due = rooms.run(client, presence.sweep_call(site, ROOM))
    assert due > 0 and events.drain() == []
    end_lease(client, site)
    assert rooms.run(client, presence.sweep_call(site, ROOM)) == -1
    assert events.changes(ROOM)[0]["unset"] == ["ann"]


def test_a_renewal_keeps_a_session_and_brings_none_back(client: Any, site: str) -> None:
    enter(client, site)
    end_lease(client, site)
    assert rooms.run(client, presence.renew_call(make(site)))
    assert list(presence.viewers("ToDo", "a")) == ["ann"]
    leave(client, site)
    assert not rooms.run(client, presence.renew_call(make(site)))
    assert presence.viewers("ToDo", "a") == {}


@pytest.mark.parametrize("lost", ["room_key", "sessions_key"])
def test_a_renewal_notices_what_redis_has_lost(client: Any, site: str, lost: str) -> None:
    enter(client, site)
    client.delete(getattr(keys, lost)(site, ROOM))
    assert not rooms.run(client, presence.renew_call(make(site)))
    enter(client, site)
    assert list(presence.viewers("ToDo", "a")) == ["ann"]


def test_a_leave_that_nobody_entered_does_nothing(client: Any, site: str, events: Events) -> None:
    leave(client, site)
    assert events.drain() == []


def test_a_room_comes_due_is_taken_once_and_forgotten_when_empty(client: Any, site: str) -> None:
    def due() -> presence.Due:
        found = rooms.run(client, presence.due_call(1000))
        return presence.Due(found.claimed_until, [room for room in found.rooms if room[0] == site])

    enter(client, site)
    taken = due()
    assert taken.rooms == [(site, ROOM)]
    assert due().rooms == [], "a second sweeper does not take it, too"
    leave(client, site)
    rooms.run(client, presence.schedule_call(site, ROOM, taken.claimed_until, -1))
    taken = due()
    assert taken.rooms == [(site, ROOM)], "the leave came after the room was taken"
    rooms.run(client, presence.schedule_call(site, ROOM, taken.claimed_until, -1))
    assert client.zscore(keys.PRESENCE_DUE, f"{site}/{ROOM}") is None


def test_every_key_has_a_time_to_live(client: Any, site: str) -> None:
    enter(client, site)
    mine = [
        *(keys.room_key(site, ROOM), keys.sessions_key(site, ROOM)),
        *(keys.leases_key(site, ROOM), keys.PRESENCE_DUE),
    ]
    assert all(client.ttl(key) > 0 for key in mine)


def test_a_user_named_like_a_lua_pattern_is_only_a_name(client: Any, site: str) -> None:
    odd = '%d+ o\'neil "q" ü@x'
    enter(client, site, "s1", odd)
    end_lease(client, site, "s1", odd)
    assert presence.viewers("ToDo", "a") == {}


@pytest.mark.parametrize(
    ("more", "match"),
    [
        ({"activity": "sleeping"}, "viewing, editing, idle"),
        ({"session": "a b"}, "without blanks"),
        ({"session": ""}, "without blanks"),
        ({"user": ":epoch"}, "user"),
        ({"user": ""}, "user"),
    ],
)
def test_what_cannot_be_is_refused(site: str, more: dict[str, Any], match: str) -> None:
    arguments: dict[str, Any] = {"session": "s1", "user": "ann", **more}
    with pytest.raises(BadField, match=match):
        presence.enter_call(make(site, **arguments))


def test_a_job_can_be_a_viewer_too(site: str) -> None:
    presence.enter("ToDo", "a", session="job-1", user="robot", activity="editing")
    presence.update("ToDo", "a", session="job-1", user="robot", activity="idle")
    assert presence.viewers("ToDo", "a")["robot"]["activity"] == "idle"
    presence.leave("ToDo", "a", session="job-1", user="robot")
    assert presence.viewers("ToDo", "a") == {}

"""Presence in Redis: one user is one viewer, leases end, a return within the grace shows
nothing."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from presence_progress import due, keys, presence, rooms
from presence_progress.presence import Presence, Who
from presence_progress.rooms import BadField
from tests.conftest import Events, RedisServer

ROOM = "presence:ToDo/a"


@pytest.fixture(autouse=True)
def _empty(client: Any) -> None:
    client.flushall()


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return a Redis of this module's own: the servers of other tests would sweep its rooms."""
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        yield server.url


def make(site: str, session: str = "s1", user: str = "ann", **more: Any) -> Presence:
    return Presence(site, "ToDo", "a", session, user, Who(user.title(), f"/{user}.png"), **more)


def enter(client: Any, site: str, *args: Any, **more: Any) -> None:
    rooms.run(client, presence.enter_call(make(site, *args, **more)))


def leave(client: Any, site: str, session: str = "s1", user: str = "ann", grace: int = 0) -> None:
    rooms.run(client, presence.leave_call(make(site, session, user), grace))


def end_lease(client: Any, site: str, session: str = "s1", user: str = "ann") -> None:
    """Let a session's time be over, without waiting for it."""
    assert pass_deadline(client, site, f"end {session} {user}")


def pass_deadline(client: Any, site: str, deadline: str) -> bool:
    return bool(client.zadd(deadlines_key(site), {deadline: 1}, xx=True, ch=True))


def deadlines_key(site: str) -> str:
    return keys.presence_keys(site, ROOM)[2]


def sweep(client: Any, site: str, **more: Any) -> presence.Swept:
    return rooms.run(client, presence.sweep_call(site, ROOM, **more))


def with_node(client: Any, site: str, node: str, session: str = "s1", user: str = "ann") -> None:
    """Enter by a server node."""
    position = rooms.run(client, presence.enter_call(make(site, session, user), node=node))
    assert position


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
    assert sweep(client, site).due > 0
    [change] = events.changes(ROOM)
    assert sorted(change["unset"]) == ["ann", "bob"]
    assert list(presence.viewers("ToDo", "a")) == ["eve"]


def test_every_call_ends_what_has_expired(client: Any, site: str, events: Events) -> None:
    enter(client, site, "s1", "ann")
    end_lease(client, site)
    events.drain()
    enter(client, site, "s1", "bob")
    [change] = events.changes(ROOM)
    assert change["unset"] == ["ann"] and "bob" in change["set"]


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
    due = sweep(client, site).due
    assert due > 0 and events.drain() == []
    end_lease(client, site)
    assert sweep(client, site).due > due, "now only that she has left is still shown"
    assert events.changes(ROOM)[0]["unset"] == ["ann"]


def test_a_lease_is_renewed_by_entering_again(client: Any, site: str) -> None:
    enter(client, site)
    end_lease(client, site)
    enter(client, site)
    assert list(presence.viewers("ToDo", "a")) == ["ann"]


def test_a_leave_that_nobody_entered_does_nothing(client: Any, site: str, events: Events) -> None:
    leave(client, site)
    assert events.drain() == []


def test_a_room_comes_due_is_taken_once_and_forgotten_when_empty(client: Any, site: str) -> None:
    def take() -> due.Due:
        found = rooms.run(client, due.take_call(1000))
        return due.Due(found.claimed_until, [room for room in found.rooms if room[0] == site])

    enter(client, site)
    taken = take()
    assert taken.rooms == [(site, ROOM)]
    assert take().rooms == [], "a second sweeper does not take it, too"
    leave(client, site)
    rooms.run(client, due.schedule_call(site, ROOM, taken.claimed_until, -1))
    taken = take()
    assert taken.rooms == [(site, ROOM)], "the leave came after the room was taken"
    rooms.run(client, due.schedule_call(site, ROOM, taken.claimed_until, -1))
    assert client.zscore(keys.DUE, f"{site}/{ROOM}") is None


def test_every_key_has_a_time_to_live(client: Any, site: str) -> None:
    enter(client, site)
    with_node(client, site, "n1", "s2", "bob")
    rooms.run(client, presence.leave_call(make(site), has_hooks=True))
    mine = [*keys.presence_keys(site, ROOM), keys.DUE, keys.node_places_key("n1")]
    assert all(client.ttl(key) > 0 for key in mine), [client.ttl(key) for key in mine]


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


# --- activities and focus ------------------------------------------------------------------------


def test_editing_ends_by_itself_and_so_does_focus(client: Any, site: str, events: Events) -> None:
    enter(client, site, activity="editing", focus="city")
    assert pass_deadline(client, site, "editing s1 ann")
    events.drain()
    sweep(client, site)
    [change] = events.changes(ROOM)
    assert change["unset"] == [] and change["set"]["ann"]["activity"] == "viewing"
    assert change["set"]["ann"]["focus"] == "city"
    assert pass_deadline(client, site, "focus s1 ann")
    sweep(client, site)
    assert events.changes(ROOM)[0]["set"]["ann"]["focus"] is None
    assert sweep(client, site).due > 0, "its own lease goes on"


def test_to_say_it_again_is_to_go_on(client: Any, site: str, events: Events) -> None:
    enter(client, site, activity="editing", focus="city")
    for deadline in ("editing s1 ann", "focus s1 ann"):
        pass_deadline(client, site, deadline)
    events.drain()
    enter(client, site, activity="editing", focus="city")
    sweep(client, site)
    assert events.drain() == []


def test_what_is_told_anew_after_a_while_has_faded(site: str) -> None:
    said = make(site, activity="editing", focus="city")
    assert said.faded(10) is said
    assert (said.faded(20).activity, said.faded(20).focus) == ("viewing", "city")
    assert (said.faded(70).activity, said.faded(70).focus) == ("viewing", None)


# --- who was here a minute ago --------------------------------------------------------------------


def test_whoever_leaves_is_shown_for_a_while_as_left(
    client: Any, site: str, events: Events
) -> None:
    enter(client, site, "s1", "ann")
    enter(client, site, "s1", "bob")
    leave(client, site, "s1", "bob")
    change = events.changes(ROOM)[-1]
    assert change["unset"] == ["bob"] and change["set"][":count"] == 1
    here = presence.here("ToDo", "a")
    assert list(here.viewers) == ["ann"] and here.count == 1
    last_seen = here.left["bob"].pop("last_seen")
    assert here.left == {"bob": {"name": "Bob", "image": "/bob.png"}}
    assert last_seen >= here.viewers["ann"]["since"]
    assert pass_deadline(client, site, "left - bob")
    assert presence.here("ToDo", "a").left == {}
    assert events.changes(ROOM)[-1]["unset"] == [":left:bob"]


def test_whoever_comes_back_has_not_left(client: Any, site: str, events: Events) -> None:
    enter(client, site)
    leave(client, site)
    events.drain()
    enter(client, site)
    [change] = events.changes(ROOM)
    assert change["unset"] == [":left:ann"] and "ann" in change["set"]
    assert presence.here("ToDo", "a").left == {}


def test_a_lost_session_was_last_seen_when_it_was_lost(client: Any, site: str) -> None:
    enter(client, site)
    leave(client, site, grace=8000)
    lost_by = client.time()
    end_lease(client, site)
    last_seen = presence.here("ToDo", "a").left["ann"]["last_seen"]
    assert last_seen <= lost_by[0] * 1000 + lost_by[1] / 1000


def test_only_the_last_twenty_are_kept(client: Any, site: str) -> None:
    soon = client.time()[0] * 1000 + 60_000
    for number in range(25):
        enter(client, site, "s1", f"user{number:02}")
        leave(client, site, "s1", f"user{number:02}")
        # As if a millisecond had passed: the order of leaving is what is asked here.
        client.zadd(deadlines_key(site), {f"left - user{number:02}": soon + number}, xx=True)
    assert sorted(presence.here("ToDo", "a").left) == [f"user{n:02}" for n in range(5, 25)]


# --- server nodes ---------------------------------------------------------------------------------


def test_a_session_of_a_node_has_no_deadline_of_its_own(client: Any, site: str) -> None:
    with_node(client, site, "n1")
    assert sweep(client, site).due == -1
    assert sweep(client, site).nodes == ["n1"]


def test_a_room_that_is_not_noted_cannot_be_entered(client: Any, site: str) -> None:
    call = presence.enter_call(make(site), node="n1", is_noted=True)
    assert rooms.run(client, call) is None
    assert presence.viewers("ToDo", "a") == {}
    with_node(client, site, "n1")
    assert rooms.run(client, call)


def test_a_dead_nodes_sessions_end_and_others_stay(client: Any, site: str, events: Events) -> None:
    lease = rooms.run(client, presence.renew_call("n1"))
    with_node(client, site, "n1", "s1", "ann")
    with_node(client, site, "n1", "s2", "bob")
    with_node(client, site, "n2", "s3", "bob")
    assert rooms.run(client, presence.take_call()) == ["n2"], "it never said that it lives"
    client.zadd(keys.NODES, {"n1": 1})
    assert rooms.run(client, presence.take_call()) == ["n1"]
    assert rooms.run(client, presence.take_call()) == [], "a second survivor does not take it"
    assert not rooms.run(client, presence.renew_call("n1", lease.until)).until, "it is fenced"
    events.drain()
    places = rooms.run(client, presence.bury_call("n1"))
    assert places == [(site, ROOM)]
    assert rooms.run(client, presence.reconcile_call(site, ROOM, "n1")) == "0"
    [change] = events.changes(ROOM)
    assert change["unset"] == ["ann"] and change["set"][":count"] == 1
    assert rooms.run(client, presence.bury_call("n1", places)) == []
    assert "n1" not in rooms.run(client, presence.renew_call("n3")).nodes
    assert rooms.run(client, presence.enter_call(make(site), node="n1", is_noted=True)) is None


def test_a_node_whose_lease_is_lost_is_fenced(client: Any) -> None:
    begun = rooms.run(client, presence.renew_call("n1"))
    renewed = rooms.run(client, presence.renew_call("n1", begun.until))
    assert renewed.until >= begun.until > 0
    client.delete(keys.NODES)
    assert not rooms.run(client, presence.renew_call("n1", renewed.until)).until


def test_a_node_notices_that_redis_has_gone_back(client: Any) -> None:
    begun = rooms.run(client, presence.renew_call("n1"))
    again = rooms.run(client, presence.renew_call("n1", begun.until - 1))
    assert again.until, "an answer that was lost on its way is no such thing"
    client.zadd(keys.NODES, {"n1": again.until - 1})
    assert not rooms.run(client, presence.renew_call("n1", again.until)).until


def test_what_a_dead_node_still_writes_is_found(client: Any, site: str) -> None:
    with_node(client, site, "zombie")
    assert rooms.run(client, presence.take_call()) == ["zombie"]
    assert rooms.run(client, presence.bury_call("zombie")) == [(site, ROOM)]


def test_a_node_learns_what_redis_knows_otherwise(client: Any, site: str) -> None:
    def keep(*sessions: str) -> bool:
        return rooms.run(client, presence.keep_call(site, ROOM, "n1", sessions))

    with_node(client, site, "n1", "s1", "ann")
    with_node(client, site, "n1", "s2", "bob")
    assert keep("s1", "s2") and not keep("s1") and not keep("s1", "s3")
    rooms.run(client, presence.reconcile_call(site, ROOM, "n1", ["s2"]))
    assert keep("s2") and list(presence.viewers("ToDo", "a")) == ["bob"]
    leave(client, site, "s2", "bob", grace=8000)
    assert keep(), "nobody speaks for a lost session"
    assert list(presence.viewers("ToDo", "a")) == ["bob"]


@pytest.mark.parametrize("lost", [0, 1, 3])
def test_a_node_notices_that_something_is_lost(client: Any, site: str, lost: int) -> None:
    with_node(client, site, "n1")
    client.delete(keys.presence_keys(site, ROOM)[lost])
    assert not rooms.run(client, presence.keep_call(site, ROOM, "n1", ["s1"]))
    rooms.run(client, presence.reconcile_call(site, ROOM, "n1", ["s1"]))
    with_node(client, site, "n1")
    assert rooms.run(client, presence.keep_call(site, ROOM, "n1", ["s1"]))
    assert list(presence.viewers("ToDo", "a")) == ["ann"]


def test_a_session_that_moves_to_another_node_shows_nothing(
    client: Any, site: str, events: Events
) -> None:
    with_node(client, site, "n1")
    events.drain()
    with_node(client, site, "n2")
    rooms.run(client, presence.reconcile_call(site, ROOM, "n1"))
    assert events.drain() == []


# --- large rooms ----------------------------------------------------------------------------------


@pytest.fixture
def large_at_5(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(presence, "LARGE_ROOM", 5)
    # What is gathered is shown when a test says so, and not while the machine holds it up.
    monkeypatch.setattr(presence, "ROOM_BATCH", 60_000)


@pytest.mark.usefixtures("large_at_5")
def test_of_many_some_are_shown_and_all_are_counted(client: Any, site: str, events: Events) -> None:
    wants_sweep = []
    for number in range(20):
        call = presence.enter_call(make(site, "s1", f"u{number}"))
        position = rooms.run(client, call)
        assert position
        wants_sweep.append(position.wants_sweep)
    assert wants_sweep == [False] * 5 + [True] * 15
    here = presence.here("ToDo", "a")
    assert (len(here.viewers), here.count) == (5, 20)
    events.drain()

    enter(client, site, "s1", "late")
    enter(client, site, "s1", "editor", activity="editing")
    leave(client, site, "s1", "u0")
    assert events.drain() == [], "a sweeper has been here: changes are gathered"
    sweep(client, site)
    assert events.drain() == [], "not yet"
    for deadline in ("show - ", "show - editor", "show - u0"):
        pass_deadline(client, site, deadline)
    sweep(client, site)
    [change] = events.changes(ROOM)
    assert change["unset"] == ["u0"] and change["set"].keys() == {":count", "editor"}
    assert change["set"][":count"] == 21


@pytest.mark.usefixtures("large_at_5")
def test_others_take_the_places_of_those_who_have_gone(client: Any, site: str) -> None:
    for number in range(20):
        enter(client, site, "s1", f"u{number}")
    for user in presence.viewers("ToDo", "a"):
        leave(client, site, "s1", user)
    for deadline in client.zrange(deadlines_key(site), 0, -1):
        if deadline.startswith(b"show"):
            pass_deadline(client, site, deadline.decode())
    here = presence.here("ToDo", "a")
    assert (len(here.viewers), here.count, here.left) == (5, 15, {})
    for number in range(16):
        leave(client, site, "s1", f"u{number}")
    for deadline in client.zrange(deadlines_key(site), 0, -1):
        if deadline.startswith(b"show"):
            pass_deadline(client, site, deadline.decode())
    here = presence.here("ToDo", "a")
    assert (sorted(here.viewers), here.count) == (["u16", "u17", "u18", "u19"], 4)


@pytest.mark.usefixtures("large_at_5")
def test_without_a_sweeper_nothing_waits_to_be_shown(client: Any, site: str) -> None:
    for number in range(8):
        enter(client, site, "s1", f"u{number}")
    sweep(client, site)
    pass_deadline(client, site, "batch - ")
    enter(client, site, "s1", "late")
    assert rooms.snapshot(ROOM).state[":count"] == 9


# --- hooks ----------------------------------------------------------------------------------------


def test_each_transition_is_noted_once(client: Any, site: str) -> None:
    def run(call: Any) -> None:
        rooms.run(client, call)

    hooked: dict[str, Any] = {"has_hooks": True}
    run(presence.enter_call(make(site, "s1", "ann"), **hooked))
    run(presence.enter_call(make(site, "s2", "ann"), **hooked))
    run(presence.enter_call(make(site, "s1", "bob"), **hooked))
    run(presence.leave_call(make(site, "s1", "ann"), **hooked))
    run(presence.leave_call(make(site, "s2", "ann"), 8000, **hooked))
    end_lease(client, site, "s2", "ann")
    sweep(client, site, **hooked)
    run(presence.leave_call(make(site, "s1", "bob"), **hooked))
    noted = sweep(client, site, **hooked).transitions
    told = [(one["kind"], one["user"]) for one in map(json.loads, noted)]
    assert sorted(told[:3]) == [("entered", "ann"), ("entered", "bob"), ("first_in", "ann")]
    assert sorted(told[3:]) == [("last_out", "bob"), ("left", "ann"), ("left", "bob")]
    assert len({json.loads(one)["at"] for one in noted}) >= 4
    run(presence.told_call(site, ROOM, noted[:2]))
    assert sweep(client, site).transitions == noted[2:]


def test_nothing_is_noted_for_a_site_without_hooks(client: Any, site: str) -> None:
    enter(client, site)
    leave(client, site)
    assert sweep(client, site).transitions == []


# --- who is on the site ---------------------------------------------------------------------------


def test_who_is_online_and_how_many(client: Any, site: str, events: Events) -> None:
    ann = Presence(site, "", "", "s1", "ann", Who("Ann"))
    rooms.run(client, presence.enter_call(ann))
    assert events.changes(keys.ONLINE_COUNT)[0]["set"] == {":count": 1}
    assert list(presence.online().viewers) == ["ann"]
    assert rooms.snapshot(keys.ONLINE_COUNT).state == {":count": 1}
    rooms.run(client, presence.leave_call(ann))
    assert rooms.snapshot(keys.ONLINE_COUNT).state == {":count": 0}
    assert presence.online().count == 0

"""The model itself: what it promises, in words."""

from tests.model.presence import ANYONE, Limits, Place

LIMITS = Limits()


def test_two_tabs_are_one_viewer_since_the_first() -> None:
    place = Place(LIMITS)
    place.enter(1_000, "s1", "ann", node="n1")
    place.enter(2_000, "s2", "ann", node="n2", activity="editing", focus="city")
    assert place.state() == {
        "ann": {
            "name": "Ann",
            "image": "/ann.png",
            "activity": "editing",
            "focus": "city",
            "since": 1_000,
        },
        ":count": 1,
    }
    place.leave(3_000, "s1", "ann")
    assert place.viewer("ann")["since"] == 1_000
    assert place.untold == [("first_in", ANYONE), ("entered", "ann")]


def test_whoever_is_back_within_the_grace_was_never_away() -> None:
    place = Place(LIMITS)
    place.enter(0, "s1", "ann", node="n1")
    before = place.state()
    place.leave(1_000, "s1", "ann", grace=8_000)
    place.enter(8_000, "s2", "ann", node="n2")
    place.settle(60_000)
    assert place.state() == before


def test_whoever_is_not_was_last_seen_when_he_was_lost() -> None:
    place = Place(LIMITS)
    place.enter(0, "s1", "ann", node="n1")
    place.leave(1_000, "s1", "ann", grace=8_000)
    place.settle(9_000)
    left = {"name": "Ann", "image": "/ann.png", "last_seen": 1_000}
    assert place.state() == {":left:ann": left, ":count": 0}
    place.settle(9_000 + LIMITS.left)
    assert place.state() == {":count": 0}


def test_a_dead_node_takes_along_only_whom_nobody_else_speaks_for() -> None:
    place = Place(LIMITS)
    place.enter(0, "s1", "ann", node="n1")
    place.enter(0, "s2", "bob", node="n1")
    place.enter(5_000, "s3", "bob", node="n2")
    place.enter(5_000, "job", "eve")
    place.reconcile(9_000, "n1")
    assert place.stays.keys() == {"bob", "eve"}
    place.settle(5_000 + LIMITS.session_lease)
    assert place.stays.keys() == {"bob"}


def test_editing_and_focus_end_by_themselves() -> None:
    place = Place(LIMITS)
    place.enter(0, "s1", "ann", node="n1", activity="editing", focus="city")
    place.settle(LIMITS.editing)
    assert place.viewer("ann")["activity"] == "viewing" and place.viewer("ann")["focus"] == "city"
    place.settle(LIMITS.focus)
    assert place.viewer("ann")["focus"] is None


def test_what_a_node_repeats_is_as_old_as_it_was_said() -> None:
    place = Place(LIMITS)
    place.enter(20_000, "s1", "ann", node="n1", activity="editing", age=LIMITS.editing - 1)
    assert place.viewer("ann")["activity"] == "editing"
    place.settle(20_001)
    assert place.viewer("ann")["activity"] == "viewing"


def test_of_a_large_place_some_are_shown_and_all_are_counted() -> None:
    place = Place(Limits(large_room=1))
    place.enter(0, "s1", "ann", node="n1")
    place.enter(0, "s2", "bob", node="n1", activity="editing")
    assert place.doubts({":count": 2, "bob": place.viewer("bob")}) == []
    assert place.doubts({":count": 2, "ann": place.viewer("ann")}) == ["whoever edits is shown"]
    assert place.doubts({":count": 1, "bob": place.viewer("bob")}) == ["the count is exact"]

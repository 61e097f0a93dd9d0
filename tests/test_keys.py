"""Room names: well-formed ones are taken apart, anything else is refused with a sentence."""

import pytest

from presence_progress import keys
from presence_progress.keys import BadRoom, Room, Scope


@pytest.mark.parametrize(
    ("name", "room"),
    [
        ("presence:ToDo/abc", Room("presence", doctype="ToDo", name="abc")),
        ("presence:Sales Invoice/a/b 1", Room("presence", doctype="Sales Invoice", name="a/b 1")),
        ("task:4f", Room("task", task_id="4f")),
        ("task:site::4f", Room("task", task_id="site::4f")),
        ("tasks:a@b.c", Room("tasks", user="a@b.c")),
        ("tasks:doctype:Airport", Room("tasks", doctype="Airport")),
        ("tasks:doc:Airport/a/b", Room("tasks", doctype="Airport", name="a/b")),
        ("count:site/open", Room("count", name="open", scope=Scope("site"))),
        ("count:website/hits", Room("count", name="hits", scope=Scope("website"))),
        ("count:user:a@b.c/mail", Room("count", name="mail", scope=Scope("user", user="a@b.c"))),
        (
            "count:doctype:ToDo/total",
            Room("count", name="total", scope=Scope("doctype", doctype="ToDo")),
        ),
        ("query:ToDo/", Room("query", doctype="ToDo", filters="")),
        ('query:ToDo/{"a/b":1}', Room("query", doctype="ToDo", filters='{"a/b":1}')),
        ("query:ToDo/[]", Room("query", doctype="ToDo", filters="[]")),
        (
            "count:doc:ToDo/a/b/total",
            Room("count", name="total", scope=Scope("doc", doctype="ToDo", name="a/b")),
        ),
    ],
)
def test_a_room_name_is_taken_apart(name: str, room: Room) -> None:
    assert keys.parse_room(name) == room


@pytest.mark.parametrize(
    "name",
    [
        *("", "presence", "presence:", "presence:ToDo", "presence:ToDo/", "presence:/x"),
        *("task:", "tasks:", "tasks:doctype:", "tasks:doctype:a/b", "count:", "count:site"),
        *("tasks:doc:", "tasks:doc:Airport", "tasks:doc:Airport/", "tasks:doc:/x"),
        *("count:site/", "count:nobody/x", "count:user:/x", "count:doctype:a/b/c", "all"),
        *("user:x", "doc:ToDo/x", "x" * 501),
        *("query:", "query:/{}", "query:ToDo/7", "query:ToDo/null", "query:ToDo/{a:1}"),
        *(f'query:ToDo/{{"a":"{"x" * 2000}"}}', "query:ToDo/" + "[" * 1900),
        *(None, 7, [], {}, True, b"task:x"),
    ],
)
def test_what_is_no_room_is_refused(name: object) -> None:
    with pytest.raises(BadRoom):
        keys.parse_room(name)


def test_names_that_are_built_can_be_read_back() -> None:
    assert keys.parse_room(keys.presence_room("ToDo", "a/b")).name == "a/b"
    assert keys.parse_room(keys.count_room("doc:ToDo/a/b", "n")).scope == Scope(
        "doc", None, "ToDo", "a/b"
    )
    member = keys.place("a.localhost", "presence:ToDo/a/b")
    assert keys.read_place(member) == ("a.localhost", "presence:ToDo/a/b")


def test_filters_that_mean_the_same_are_one_room() -> None:
    room = keys.query_room("ToDo", {"status": "Open", "owner": ["in", ["ü", "b"]]})
    # As the browser spells it: tests/js/liveQuery.test.js.
    assert room == 'query:ToDo/{"owner":["in",["ü","b"]],"status":"Open"}'
    assert keys.query_room("ToDo", {}) == keys.query_room("ToDo") == "query:ToDo/{}"
    with pytest.raises(BadRoom, match="at most 2000"):
        keys.query_room("ToDo", {"name": "x" * 2000})


@pytest.mark.parametrize("doctype", ["", "a/b", None])
def test_a_doctype_with_a_slash_makes_no_room(doctype: str) -> None:
    with pytest.raises(BadRoom):
        keys.presence_room(doctype, "x")


def test_all_keys_of_a_room_share_a_hash_tag_whatever_its_name() -> None:
    for room in ("presence:ToDo/a}b{c", "presence:ToDo/}", "online", "count:site/{"):
        tags = {key[key.index("{") + 1 : key.index("}")] for key in keys.presence_keys("s", room)}
        assert len(tags) == 1 and tags != {""}

"""Every room name and every Redis key, built and read here and nowhere else.

A room name carries its meaning (what kind, of what), so that whoever holds the name can decide who
may watch it. This module decides what a well-formed name is; it never decides who may see it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from presence_progress import texts

EVENTS_CHANNEL = "events"
"""Frappe's own channel; its realtime server and ours listen to it."""

PREFIX = "presence_progress:"
DUE = PREFIX + "due:{nodes}"
"""Sorted set: site and room → when something happens there by itself. Tells any server node where
to sweep. On the shard of ``NODES``: of a cluster one shard is more than the others, not two."""
NODES = PREFIX + "{nodes}"
"""Sorted set: server node → until when it lives; see scripts/node_renew.lua."""
CLOCK = PREFIX + "{nodes}:clock"
"""Hash: how far the clock by which all things end is from Redis's own; see scripts/_clock.lua. A
room on another shard of a cluster has one of its own beside its state."""

SECRET = PREFIX + "secret"
"""What the realtime server shows a site, to be told of all its users; whoever can read this Redis
could know as much."""
SECRET_HEADER = "X-Presence-Progress-Secret"

ONLINE, ONLINE_COUNT = "online", "online:count"
"""The rooms of who is on a site at all, and of how many they are."""

MAX_NAME = 500
"""Longest room name in characters: Frappe's longest document name (140) and DocType name, with room
to spare."""

QUERY = "query:"
MAX_QUERY = 2_000
"""Longest name of a live query's room, which holds its filters and is no key on Redis: as many as
fit into an address, in which a site without this app is asked."""

Kind = Literal["presence", "online", "online_count", "task", "tasks", "count", "query"]
ScopeKind = Literal["user", "doc", "doctype", "site", "website"]


class BadRoom(ValueError):
    """A text that is no room name; the message says what was expected."""


@dataclass(frozen=True)
class Scope:
    """Whose a count is, and so who may watch it; ``user``, ``doctype`` and ``name`` are filled as
    its kind needs."""

    kind: ScopeKind
    user: str | None = None
    doctype: str | None = None
    name: str | None = None


@dataclass(frozen=True)
class Room:
    """A room name taken apart; the fields that its kind does not have are None."""

    kind: Kind
    doctype: str | None = None
    name: str | None = None
    task_id: str | None = None
    user: str | None = None
    scope: Scope | None = None
    filters: str | None = None
    """JSON, as Frappe takes filters: an object or a list; "" for none."""


# --- documents ----------------------------------------------------------------------------------


def document(doctype: object, name: object) -> tuple[str, str]:
    """Return a document as its rooms are called, and as Frappe is asked about it;
    :class:`BadRoom` for what is none.

    A name may be a whole number: DocTypes that are numbered by the database have such.
    """
    found = doctype_of(doctype), _part("document name", texts.number_as_name(name))
    _room("/".join(found))
    return found


def doctype_of(text: object) -> str:
    """Return a DocType's name; :class:`BadRoom` for what is none."""
    doctype = _part("DocType", text)
    if "/" in doctype:
        raise BadRoom(f"a DocType's name has no '/', got {doctype[:80]!r}")
    return doctype


# --- room names ---------------------------------------------------------------------------------


def presence_room(doctype: object, name: object) -> str:
    return _room("presence:{}/{}".format(*document(doctype, name)))


def task_room(task_id: str) -> str:
    return _room(f"task:{_part('task id', task_id)}")


def user_tasks_room(user: str) -> str:
    return _room(f"tasks:{_part('user', user)}")


def doctype_tasks_room(doctype: str) -> str:
    return _room(f"tasks:doctype:{doctype_of(doctype)}")


def document_tasks_room(doctype: str, name: str | int) -> str:
    return _room("tasks:doc:{}/{}".format(*document(doctype, name)))


def count_room(scope: str, name: str) -> str:
    _scope(_part("scope", scope))
    if "/" in _part("name of the count", name):
        raise BadRoom(f"a count's name has no '/', got {name[:80]!r}")
    return _room(f"count:{scope}/{name}")


def query_room(doctype: str, filters: dict[str, Any] | list[Any] | None = None) -> str:
    """Name a live query as the browser does: filters that mean the same are spelt the same, so that
    they are asked about once. :class:`BadRoom` when they are too long for a name."""
    text = json.dumps(filters or {}, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    room = f"{QUERY}{doctype_of(doctype)}/{text}"
    _query(room)
    return room


def is_query(room: str) -> bool:
    """Return whether a room is a live query's: its state is each user's own, and not on Redis."""
    return room.startswith(QUERY)


def parse_room(room: object) -> Room:
    """Take a room name apart; :class:`BadRoom` for anything that is none, whatever its type."""
    if isinstance(room, str) and is_query(room):
        return _query(room)
    room = _part("room name", room)
    if room == ONLINE:
        return Room("online")
    if room == ONLINE_COUNT:
        return Room("online_count")
    kind, _, rest = room.partition(":")
    if rest:
        if kind == "presence":
            doctype, name = _document(rest)
            return Room("presence", doctype=doctype, name=name)
        if kind == "task":
            return Room("task", task_id=rest)
        if kind == "tasks":
            if rest.startswith("doctype:"):
                return Room("tasks", doctype=doctype_of(rest.removeprefix("doctype:")))
            if rest.startswith("doc:"):
                doctype, name = _document(rest.removeprefix("doc:"))
                return Room("tasks", doctype=doctype, name=name)
            return Room("tasks", user=rest)
        if kind == "count":
            scope_text, _, name = rest.rpartition("/")
            return Room("count", name=_part("name of the count", name), scope=_scope(scope_text))
    raise BadRoom(f"no such room: {room[:80]!r}")


def _query(room: str) -> Room:
    if not texts.is_name(room, MAX_QUERY):
        raise BadRoom(f"a live query's name is a text in Unicode of at most {MAX_QUERY} characters")
    doctype, _, filters = room.removeprefix(QUERY).partition("/")
    try:
        read = json.loads(filters or "{}")
        is_good = isinstance(read, (dict, list)) and texts.is_all_unicode(read)
    except (ValueError, RecursionError):
        is_good = False
    if not is_good:
        raise BadRoom(f"filters are a list or an object in JSON, got {filters[:80]!r}")
    return Room("query", doctype=doctype_of(doctype), filters=filters)


def _scope(text: str) -> Scope:
    if text in ("site", "website"):
        return Scope(text)  # type: ignore[arg-type]
    kind, _, rest = text.partition(":")
    if kind == "user":
        return Scope("user", user=_part("user", rest))
    if kind == "doctype":
        return Scope("doctype", doctype=doctype_of(rest))
    if kind == "doc":
        doctype, name = _document(rest)
        return Scope("doc", doctype=doctype, name=name)
    raise BadRoom(
        "a scope is user:…, doc:{doctype}/{name}, doctype:…, site or website; "
        f"got {text[:80]!r}"
    )


def _document(text: str) -> tuple[str, str]:
    # A DocType's name cannot hold a slash, a document's can: the first one parts them.
    doctype, _, name = text.partition("/")
    return doctype_of(doctype), _part("document name", name)


def _part(what: str, text: object) -> str:
    if not texts.is_name(text, MAX_NAME):
        got = repr(text[:80]) if isinstance(text, str) else f"a {type(text).__name__}"
        raise BadRoom(f"the {what} is a text in Unicode, 1 to {MAX_NAME} characters; got {got}")
    return text


def _room(name: str) -> str:
    if len(name) > MAX_NAME:
        raise BadRoom(f"a room's name has at most {MAX_NAME} characters, got {name[:80]!r}…")
    return name


# --- Redis keys ---------------------------------------------------------------------------------


def room_key(site: str, room: str) -> str:
    # The braces are a hash tag: all keys of a room live on one shard of a cluster.
    if room == ONLINE_COUNT:
        return online_count_key(site)
    return f"{PREFIX}{{{site}/{room}}}"


@lru_cache(maxsize=10_000)
def presence_keys(site: str, room: str) -> tuple[str, ...]:
    """Return the keys of a presence room, in the order in which every script takes them."""
    key = room_key(site, room)
    parts = ("sessions", "deadlines", "nodes", "transitions")
    counted = (online_count_key(site),) if room == ONLINE else ()
    return (key, *(f"{key}:{part}" for part in parts), *counted)


@lru_cache(maxsize=10_000)
def task_keys(site: str, task_id: str) -> tuple[str, ...]:
    """Return the keys of a task, in the order in which every script takes them."""
    key = room_key(site, task_room(task_id))
    return (key, *(f"{key}:{part}" for part in ("work", "messages", "children")))


def pace_key(site: str, method: str) -> str:
    """Return what earlier runs of a method have taught about how long a step takes."""
    return f"{PREFIX}pace:{site}:{method}"


def online_count_key(site: str) -> str:
    # On the shard of the room that it counts: both change in one step.
    return room_key(site, ONLINE) + ":count"


def probe_key(number: int) -> str:
    return f"{PREFIX}probe:{number}"


def node_places_key(node: str) -> str:
    return f"{NODES}:{node}"


def place(site: str, room: str) -> str:
    """Return a room of a site as a member of ``DUE`` and of a node's places: a site's name
    has no slash, so it can be read back."""
    return f"{site}/{room}"


def read_place(text: str) -> tuple[str, str]:
    site, _, room = text.partition("/")
    return site, room


def ran_key(site: str, transition: str) -> str:
    """Return the mark that a transition's hooks have been run."""
    return f"{PREFIX}ran:{site}:{transition}"

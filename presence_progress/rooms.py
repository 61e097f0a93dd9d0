"""The primitive: a room keeps its state. Script calls are built and their replies read here, for
sync and async alike.

A room is a map ``field → JSON value`` with an epoch (this life of it) and a seq (one higher with
every change). Everything that changes one is a Lua script, which stores and publishes in one step.
This module never decides who may see a room.

    ValueError
    ├── BadRoom      a text that is no room name (keys.py)
    └── BadField     a field or value that no room can hold
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha1
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

import redis
from redis.exceptions import NoScriptError

from presence_progress import context, keys, texts
from presence_progress.cluster import Cluster
from presence_progress.settings import PROBE_TTL

T = TypeVar("T")
Steps = Generator["Call[Any]", Any, T]
"""Calls of which one depends on what came of another: each is yielded, its result sent back."""
EPOCH, SEQ = ":epoch", ":seq"


class BadField(ValueError):
    """A field or value that no room can hold; the message names it."""


# --- what a room is -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Snapshot:
    """A room at one moment; a room that does not exist has epoch ``""``, seq 0 and no state."""

    room: str
    epoch: str
    seq: int
    state: dict[str, Any]

    def wire(self) -> dict[str, Any]:
        """Return the payload of ``room_state``."""
        return {"room": self.room, "epoch": self.epoch, "seq": self.seq, "state": self.state}


@dataclass(frozen=True)
class Change:
    """One step of a room: what ``room_change`` carries."""

    room: str
    epoch: str
    seq: int
    set: dict[str, Any]
    unset: list[str]


Outcome = Literal["applied", "old", "resync"]


def apply_change(snapshot: Snapshot, change: Change) -> tuple[Outcome, Snapshot]:
    """Judge a change against a snapshot; on ``resync`` only a new snapshot can tell what the room
    is now.

    The browser does the same (``public/js/client/room.js``); ``tests/vectors/changes.json`` binds
    both.
    """
    if not snapshot.epoch or change.epoch != snapshot.epoch or change.seq > snapshot.seq + 1:
        return "resync", snapshot
    if change.seq <= snapshot.seq:
        return "old", snapshot
    gone = set(change.unset)
    state = {name: value for name, value in snapshot.state.items() if name not in gone}
    state.update(change.set)
    return "applied", Snapshot(snapshot.room, snapshot.epoch, change.seq, state)


# --- calling a script ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Call(Generic[T]):
    """A script call, built but not run: run it with :func:`run`, or in the server."""

    script: str
    keys: Sequence[str]
    args: Sequence[str | int]
    read: Callable[[Any], T]
    before: Sequence[tuple[str | int, ...]] = field(default=())
    """Plain commands sent ahead, in the same round trip where all is in one Redis; the second word
    of each is its key."""


def run(client: redis.Redis | Cluster | Any, call: Call[T]) -> T:
    """Run a call; the script is sent whole only when this Redis does not know it yet."""
    try:
        return call.read(_run(client, commands(call)))
    except NoScriptError:
        return call.read(_run(client, commands(call, whole=True)))


def run_steps(client: Any, steps: Steps[T]) -> T:
    """Run calls that depend on one another, and return what they come to."""
    try:
        call = next(steps)
        while True:
            call = steps.send(run(client, call))
    except StopIteration as end:
        result: T = end.value
        return result


def _run(client: Any, sent: Sequence[tuple[str | int, ...]]) -> Any:
    if isinstance(client, Cluster):
        # What is ahead may be elsewhere, and shall be there first.
        return [client.execute_command(*command) for command in sent][-1]
    with client.pipeline(transaction=False) as pipeline:
        for command in sent:
            pipeline.execute_command(*command)
        return pipeline.execute()[-1]


def fill(pipeline: Any, call: Call[Any]) -> None:
    """Put a call into a pipeline of redis-py's."""
    for command in commands(call):
        pipeline.execute_command(*command)


def commands(call: Call[Any], *, whole: bool = False) -> list[tuple[str | int, ...]]:
    """Return what is sent for a call, with its script by name or whole; the last reply is the
    script's. A call without a script is the commands before it."""
    return [*call.before, *([command(call, whole=whole)] if call.script else [])]


def command(call: Call[Any], *, whole: bool = False) -> tuple[str | int, ...]:
    """Return the command that runs a call's script."""
    name = ("EVAL", source(call.script)) if whole else ("EVALSHA", digest(call.script))
    return (*name, len(call.keys), *call.keys, *call.args)


_SCRIPTS = Path(__file__).parent / "scripts"
_PARTS = {"presence": ("_presence",), "task": ("_task",)}


@cache
def scripts() -> list[str]:
    """Return the names of all scripts."""
    return sorted(path.stem for path in _SCRIPTS.glob("[!_]*.lua"))


@cache
def source(script: str) -> str:
    """Return a script with the parts that its family shares in front of it."""
    parts = ("_clock", "_stock", "_room", *_PARTS.get(script.partition("_")[0], ()))
    return "\n".join((_SCRIPTS / f"{name}.lua").read_text() for name in (*parts, script))


@cache
def digest(script: str) -> str:
    return sha1(source(script).encode(), usedforsecurity=False).hexdigest()


# --- the calls that every room has -------------------------------------------------------------


def snapshot_call(site: str, room: str) -> Call[Snapshot]:
    return Call(
        "room_snapshot", [keys.room_key(site, room)], [], lambda reply: _snapshot(room, reply)
    )


def set_call(
    site: str,
    room: str,
    ttl: int,
    values: Mapping[str, Any],
    unset: Sequence[str] = (),
) -> Call[tuple[str, int]]:
    """Set and unset fields; what is so already is not published. Returns the epoch and seq that
    hold then."""
    return Call(
        "room_set",
        [keys.room_key(site, room)],
        [site, room, ttl, len(values), *field_arguments(values), *(_field(name) for name in unset)],
        read_position,
    )


def has_server_call() -> Call[bool]:
    """Ask whether a realtime server of ours runs, or did seconds ago; while none does, changes go
    to Frappe's own rooms as well, for those whom Frappe's own server serves."""
    return Call("node_any", [keys.NODES], [], bool)


def probe_call(number: int = 0) -> Call[bool]:
    """Ask whether Redis takes a write and gives it back; several numbers are on several shards."""
    value = uuid.uuid4().hex
    return Call(
        "probe", [keys.probe_key(number)], [value, PROBE_TTL], lambda reply: text(reply) == value
    )


def snapshot(room: str) -> Snapshot:
    """Read a room of this site, whole."""
    keys.parse_room(room)
    return run(context.store(), snapshot_call(context.site(), room))


# --- arguments and replies -----------------------------------------------------------------------


def field_arguments(values: Mapping[str, Any]) -> list[str]:
    """Return ``[field, JSON, …]``; :class:`BadField` names what is not JSON in Unicode."""
    return [text for name, value in values.items() for text in (_field(name), to_json(value, name))]


def to_json(value: Any, name: str = "value", default: Callable[[Any], Any] | None = None) -> str:
    """Return a value in JSON; ``default`` is that of ``json.dumps``."""
    try:
        text = json.dumps(
            value, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=default
        )
    except (TypeError, ValueError, RecursionError) as error:
        raise BadField(f"{name!r} cannot be said in JSON: {error}") from error
    if not texts.is_unicode(text):
        raise BadField(f"{name!r} holds an unpaired surrogate, which is invalid Unicode")
    return text


def read_position(reply: Any) -> tuple[str, int]:
    epoch, seq = reply
    return text(epoch), int(seq)


def text(reply: Any) -> str:
    """Read a text, whether or not the client decodes replies."""
    return reply.decode() if isinstance(reply, bytes) else str(reply)


def _field(name: str) -> str:
    if not texts.is_name(name, keys.MAX_NAME) or name.startswith(":"):
        raise BadField(
            f"a field is a text in Unicode, 1 to {keys.MAX_NAME} characters, that does not begin"
            f" with ':'; got {str(name)[:80]!r}"
        )
    return name


def _snapshot(room: str, reply: Sequence[Any]) -> Snapshot:
    flat = [text(item) for item in reply]
    fields = dict(zip(flat[::2], flat[1::2], strict=True))
    epoch, seq = fields.pop(EPOCH, ""), int(fields.pop(SEQ, 0))
    return Snapshot(room, epoch, seq, {name: json.loads(value) for name, value in fields.items()})

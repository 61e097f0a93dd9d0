"""Every number that decides something: its default, its unit and why it is what it is.

Constants here bind writers and servers alike; :class:`Settings` is what one server process is told
at its start.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

DAY = 24 * 3600

# --- times to live in Redis, seconds: nothing is kept for ever, whatever its writer forgets -------
PRESENCE_TTL = DAY
TASK_TTL = 7 * DAY
"""From the last write: long enough for a weekend's job to be looked at on Monday."""
COUNT_TTL = 90 * DAY
DUE_TTL = 7 * DAY
"""From the last sweep of any room: as long as the longest-lived room that may be due."""
PROBE_TTL = 60
PACE_TTL = 90 * DAY
"""How long it is remembered how fast a method's earlier runs were."""

# --- presence, milliseconds ----------------------------------------------------------------------
NODE_LEASE = 9_000
"""How long a server node lives after it was last heard of; by then a killed one's ghosts are
gone."""
NODE_RENEWAL = 1_000
SESSION_LEASE = 9_000
"""How long a session lives that no server speaks for, a job's, after it was last entered."""
RECONNECT_GRACE = 8_000
"""How long a lost connection shows nothing to others: a reload, a tunnel, a restart of the
server."""
EDITING_LEASE = 15_000
FOCUS_LEASE = 60_000
"""How long somebody edits, or has a field in focus, after he last said so: typing has stopped."""
LEFT_SHOWN = 120_000
"""How long whoever has left is still shown as "was here a minute ago"."""
LARGE_ROOM = 100
"""With more viewers than this, so many are shown, all are counted, and changes are gathered."""
ROOM_BATCH = 250
"""How long they are gathered, before a sweeper shows them."""
KEEP_INTERVAL = 5_000
"""Between two looks whether Redis knows what a node has said of a room since the last one."""
KEEP_ALL_INTERVAL = 60_000
"""The same of all rooms that it has sessions in: whatever was lost, and they shall not expire."""
WATCHED_SWEEP_INTERVAL = 10_000
"""Between two sweeps of a room that somebody watches, due or not: what was lost is found there."""
SWEEP_INTERVAL = 500
SWEEP_CLAIM = 5_000

# --- progress ------------------------------------------------------------------------------------
FLUSH_INTERVAL = 0.2
"""Seconds between two writes of a task: five a second is all that a person can follow."""
FINAL_FLUSH_TIMEOUT = 5.0
"""Seconds that the end of a task waits for a Redis that is away, before the job goes on without."""
TASK_LEASE = 6_000
"""Milliseconds for which a job is known to live after its process was last heard of; then it is
stalled."""
TASK_RENEWAL = 2.0
"""Seconds between two words of that process."""
TASK_LOST_AFTER = 6_000
"""Milliseconds that a stalled job has to be heard of again before it is lost."""
CANCEL_GRACE = 10_000
"""Milliseconds that a cancelled job may take to its next step, before its work horse is killed."""
MAX_MESSAGES = 20
"""How many of a task's first messages its room holds; all that are kept are a question away."""
MAX_LAST_MESSAGES = 5
"""And how many of the last."""
MAX_KEPT_MESSAGES = 1_000
"""How many messages of rows are kept at all: half of them the first, half the last."""
MAX_MESSAGE_LENGTH = 300
MAX_ERROR_LENGTH = 1_000
MAX_TRACEBACK_LENGTH = 20_000
MAX_NOTED_JOB = 200_000
"""Bytes of a job's arguments beyond which it is not noted, and cannot be retried by a click."""
TASKS_LISTED = 20
"""How many ended tasks a list of tasks keeps."""

# --- Frappe's own progress, which servers keep ---------------------------------------------------
KEEP_AFTER = 1.0
"""Seconds that it must last to be kept: nobody reloads a page for less."""
STOCK_LEASE = 60_000
"""Milliseconds without a word after which it is stalled."""
BACKGROUND_TASK_LEASE = 1_500_000
"""The same of Frappe's Background Tasks, which tell their end, and perhaps nothing before it."""
STOCK_LOST_AFTER = 1_500_000
"""Milliseconds after which a stalled one is given up: the time limit of Frappe's longest queue,
which has killed its job by then."""
STOCK_SILENCE = 3_000
"""Milliseconds without a write after which a server is believed that knows less than the one that
wrote last: that one is gone."""
STOCK_RETRY = 1.0
"""Seconds until a server asks again that was told to wait."""
MAX_STOCK_MESSAGE = 64_000
"""Bytes of an event beyond which it is no progress."""
MAX_STOCK_LISTED = 10
"""How many with titles of their own are kept of one room at a time: a title that counts rows is no
title."""
MAX_STOCK_KNOWN = 10_000
"""How many a server keeps in mind."""
STOCK_FORGOTTEN = 60.0
"""Seconds that a server keeps an ended one in mind, to know its next run for what it is."""

# --- the server ----------------------------------------------------------------------------------
PING_INTERVAL = 6
PING_TIMEOUT = 5
"""Seconds; their sum is how long a pulled cable stays unnoticed."""
PERMISSION_TTL = 30
"""Seconds that a yes of Frappe's is cached: well below RIGHTS_PATIENCE, so that a socket that joins
by an old one is rechecked before that is too old."""
RIGHTS_RENEWAL = 40
"""Seconds after which it is asked again while somebody is in a room because of it, and whose a
socket's session is."""
RIGHTS_PATIENCE = 48
"""Seconds since its last confirmation after which a permission ends, unless the site is down. That
is looked at between two requests, each of up to 12 seconds, so a minute holds."""
RIGHTS_INTERVAL = 5
"""Seconds between two questions to a site about that, unless there is more than fits into one."""
RIGHTS_AT_ONCE = 500
"""Rights, and sessions, in one question to a site with this app."""
RIGHTS_QUESTIONS = 8
"""Such questions at once to a site without it, of its :data:`FRAPPE_QUESTIONS`."""
RIGHTS_RETRY = 1
"""Seconds after which a site that has not answered is asked again."""
RIGHTS_SITE_PAUSE = 10
"""Seconds between two doubts about a whole site: somebody may import a thousand user
permissions."""
DENIAL_TTL = 5
"""And a no: whoever has just been given a right, or signed in anew, shall not wait for it."""
IDENTITY_TTL = 5
"""Who somebody is: long enough for the tabs of one browser that come back together."""
APP_LOOKUP = 600
"""Seconds after which a site that did not have this app is asked again whether it has."""
SITE_FORGOTTEN = 3600
"""Seconds that a server keeps in mind what it knows of a site, after somebody was there last."""
SECRET_TTL = DAY
"""From its last use."""
SITE_SETTINGS_INTERVAL = 2
"""Seconds between two looks whether a site's settings have changed."""
MAX_PEOPLE_ASKED = 500
"""Users in one question to a site, how they are shown: a question that takes well under a
second."""
TRANSITION_TTL = 3600
"""How long it is known that a transition's hooks have run: a server that got no answer tells it
again within seconds, one that was away within minutes."""
FRAPPE_TIMEOUT = 10
"""Seconds for one question to Frappe."""
FRAPPE_PATIENCE = 12
"""Seconds for a question that is asked again and again because Frappe is slow or away. A connection
is held as long; then it is cut off, to come again."""
FRAPPE_QUESTIONS = 16
"""Questions to one site at once: its web workers are few, and have other work."""
SERVER_QUESTIONS = 8
"""Of these, at most, of each kind that a server asks for all of a site's users."""
REDIS_TIMEOUT = 5
"""Seconds for one answer of Redis; one that hangs must not hang the server."""
REDIS_CONNECTIONS = 32
READY_TTL = 1
"""Seconds for which "ready" is repeated without asking Redis again."""
CANARY_INTERVAL = 3
CANARY_TIMEOUT = 9
"""Seconds without hearing our own canary, after which the subscription is taken for dead."""
DRAIN_TIMEOUT = 1
"""Seconds that the end of a server waits for its connections, which it has cut off."""
QUERY_WAIT = 0.3, 2.0
"""Seconds after the last change, and at most after the first, until a live query is asked again:
ten thousand saves are a few questions."""
QUERY_REFRESH = 60
"""Seconds between two questions of a live query of which nothing is heard: raw SQL, the clock and
shared documents change what somebody may see, and publish nothing."""
QUERY_BATCH = 20
"""Counts in one question to a site with this app."""
QUERY_BUDGET = 3.0
"""Seconds after which a site puts off the rest of such a question: one slow count shall not make
all of them late."""
QUERY_QUESTIONS = 2
"""Such questions to one site at once, of its :data:`FRAPPE_QUESTIONS`: who may come in is more
urgent."""
MAX_FORESEEN = 20
"""Questions to Frappe that one socket's waiting events may have under way at once: a page of a
list."""
MAX_CHANGES_BEHIND = 250_000
"""Bytes that wait for a client, beyond which changes of rooms are left out: once it has caught
up, it is sent those rooms whole."""
EXTENSION_TIMEOUT = 30
"""Seconds for an app's own handler of an event; the events behind it wait for as long."""


@dataclass(frozen=True)
class Limits:
    """What clients may use. Each is a setting of its own, ``presence_progress_`` before its name.

    A client over a limit is slowed, rejected or disconnected; docs/running.md says which, and what
    the client reads. ``presence_progress_limited_total`` counts it; other clients are unaffected.
    """

    events_per_second: int = 100
    """Messages of one socket; a socket that sends more is read more slowly."""
    events_burst: int = 3_000
    """Messages it may send at once: after a reconnect a page watches all of its rooms again."""
    bytes_per_second: int = 500_000
    """Bytes of one socket, likewise."""
    bytes_burst: int = 4_000_000
    user_events_per_second: int = 500
    """Messages of all sockets of a user together. Guests are told apart by their address."""
    user_events_burst: int = 15_000
    user_bytes_per_second: int = 2_000_000
    user_bytes_burst: int = 16_000_000
    sockets_per_user: int = 200
    """Open sockets of a user on one site. Guests count by address instead."""
    connections_per_address: int = 2_000
    """Open connections of one address: an office behind one address has many tabs."""
    rooms_per_socket: int = 1_000
    """Rooms that a socket joins, and documents that it enters."""
    rows_per_list: int = 500
    """Rows of one list that a page has on screen."""
    queries_per_socket: int = 50
    """Live queries that a socket watches: each asks the database after every change."""
    queries_per_user: int = 200
    """Live queries that all sockets of a user watch."""
    requests_per_user: int = 4
    """Requests to Frappe under way for one user, of the 16 that a site has at most."""
    sign_ins_per_address: int = 8
    """Requests to Frappe that sign in connections from one address, under way at once."""
    pending_events: int = 3_000
    """Queued events per socket; beyond this it is disconnected."""
    pending_bytes: int = 4_000_000
    """Bytes of queued events per socket; beyond this it is disconnected."""
    values: int = 20_000
    """Commas and brackets of one message: reading them takes time, however short it is."""
    payload: int = 1_000_000
    """Bytes of one message from a client, as Node's default."""
    backlog: int = 4_000_000
    """Bytes that wait for a client, the largest message beside them not counted. Beyond this it is
    disconnected when it has read nothing for ``read_seconds``; beyond four times this at once."""
    read_seconds: int = 10
    """Seconds in which a client must have read something of a full backlog."""
    throttled_seconds: int = 60
    """Seconds that a socket may stay over its rate without a pause; beyond this it is disconnected.
    For as long, one that is read slowly is excused from its ping time-out."""
    header_seconds: int = 10
    """Seconds in which the head of an HTTP request must arrive, from the connection's first."""
    body_seconds: int = 60
    """Seconds in which its body must arrive."""
    chunks: int = 500
    """Chunks of one HTTP body: each costs as much as an event. Browsers send none, proxies few."""


DEFAULT_LIMITS = Limits()


@dataclass(frozen=True)
class Sentinel:
    """Redis behind sentinels, which know where the master is; users and passwords may be None."""

    nodes: tuple[tuple[str, int], ...]
    service: str
    sentinel_username: str | None = None
    sentinel_password: str | None = field(default=None, repr=False)
    username: str | None = None
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Settings:
    """What one realtime server is told: where it listens, where Redis and Frappe are."""

    host: str = "127.0.0.1"
    """Where to listen; ``""`` is every interface, as Frappe's own server does."""
    port: int = 9000
    uds: str | None = None
    """A Unix socket to listen on instead."""
    redis_url: str = field(default="redis://127.0.0.1:11000", repr=False)
    sentinel: Sentinel | None = None
    """Asked for the Redis instead of ``redis_url``."""
    store_url: str | None = field(default=None, repr=False)
    """Where rooms live, as ``address.py`` reads it; None: in the Redis that carries Frappe's
    events."""
    site_url: str = "http://127.0.0.1:8000"
    """Where Frappe answers, without the site's name: that goes in the Host header."""
    default_site: str | None = None
    """The site meant by a Host that names none: localhost or an IP address."""
    developer_mode: bool = False
    origins: frozenset[str] = frozenset()
    """Hosts whose pages may connect beside the site's own."""
    bench: Path | None = None
    """The bench that is served: its apps may bring events of their own."""
    limits: Limits = DEFAULT_LIMITS
    trusted_proxies: frozenset[str] = frozenset({"127.0.0.0/8", "::1/128"})
    """Networks of proxies whose ``X-Forwarded-For`` names the client's address."""

"""Every number that decides something: its default, its unit and why it is what it is.

Constants here bind writers and servers alike; :class:`Settings` is what one server process is told
at its start.
"""

from __future__ import annotations

from dataclasses import dataclass

DAY = 24 * 3600

# --- times to live in Redis, seconds: nothing is kept for ever, whatever its writer forgets -------
PRESENCE_TTL = DAY
TASK_TTL = 7 * DAY
"""From the last write: long enough for a weekend's job to be looked at on Monday."""
COUNT_TTL = 90 * DAY

# --- presence, milliseconds ----------------------------------------------------------------------
SESSION_LEASE = 9_000
"""How long a session lives after its server last spoke for it: a killed server's ghosts are gone by
then."""
LEASE_RENEWAL = 3_000
"""Three chances a lease, so that one lost round trip loses nobody."""
RECONNECT_GRACE = 8_000
"""How long a lost connection shows nothing to others: a reload, a tunnel, a restart of the
server."""
SWEEP_INTERVAL = 500
SWEEP_CLAIM = 5_000

# --- progress ------------------------------------------------------------------------------------
FLUSH_INTERVAL = 0.2
"""Seconds between two writes of a task: five a second is all that a person can follow."""
FINAL_FLUSH_TIMEOUT = 5.0
"""Seconds that the end of a task waits for a Redis that is away, before the job goes on without."""
MAX_MESSAGES = 20
MAX_MESSAGE_LENGTH = 300
TASKS_LISTED = 20
"""How many ended tasks a list of tasks keeps."""

# --- the server ----------------------------------------------------------------------------------
PING_INTERVAL = 6
PING_TIMEOUT = 5
"""Seconds; their sum is how long a pulled cable stays unnoticed."""
PERMISSION_TTL = 60
"""Seconds that a yes of Frappe's is believed."""
DENIAL_TTL = 5
"""And a no: whoever has just been given a right, or signed in anew, shall not wait for it."""
FRAPPE_TIMEOUT = 10
"""Seconds for one question to Frappe."""
REDIS_TIMEOUT = 5
"""Seconds for one answer of Redis; one that hangs must not hang the server."""
CANARY_INTERVAL = 3
CANARY_TIMEOUT = 9
"""Seconds without hearing our own canary, after which the subscription is taken for dead."""
MAX_ROOMS_PER_SOCKET = 500
MAX_PENDING_EVENTS = 1_000
"""Events of one socket that wait for their turn; more than that is a client that has lost its
mind."""
MAX_PAYLOAD = 1_000_000
"""Bytes of one message from a client, as Node's default."""


@dataclass(frozen=True)
class Settings:
    """What one realtime server is told: where it listens, where Redis and Frappe are."""

    host: str = "127.0.0.1"
    port: int = 9000
    redis_url: str = "redis://127.0.0.1:11000"
    site_url: str = "http://127.0.0.1:8000"
    """Where Frappe answers, without the site's name: that goes in the Host header."""
    default_site: str | None = None
    """The site meant by a Host that names none: localhost or an IP address."""

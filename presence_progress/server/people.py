"""How users are shown to others, as a site with this app tells it: asked for many at once.

After a restart of the server everybody comes back within a second; a question for each of them
would be a thousand questions.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from presence_progress.presence import Who
from presence_progress.server.app_questions import AppQuestions, NoApp
from presence_progress.server.questions import Unavailable
from presence_progress.settings import MAX_PEOPLE_ASKED


@dataclass(frozen=True)
class Person:
    """How a user is shown to others, and whether he wants to be."""

    who: Who
    invisible: bool = False


class People:
    """Whoever is asked for while a question is under way is in the next one."""

    def __init__(self, app: AppQuestions) -> None:
        self._app = app
        self._wanted: dict[str, dict[str, asyncio.Future[Person]]] = {}
        self._asking: dict[str, asyncio.Task[None]] = {}

    async def ask(self, site: str, user: str) -> Person:
        """Return what the site says; :class:`NoApp` when it does not have this app,
        :class:`Unavailable` when it cannot answer."""
        wanted = self._wanted.setdefault(site, {})
        if user not in wanted:
            wanted[user] = asyncio.get_running_loop().create_future()
        if site not in self._asking:
            self._asking[site] = asyncio.ensure_future(self._ask(site))
        return await asyncio.shield(wanted[user])

    async def _ask(self, site: str) -> None:
        try:
            while wanted := self._wanted.get(site):
                asked = {user: wanted.pop(user) for user in list(islice(wanted, MAX_PEOPLE_ASKED))}
                try:
                    people = await self._ask_for(site, list(asked))
                except (NoApp, Unavailable) as error:
                    for waiting in asked.values():
                        waiting.set_exception(error)
                else:
                    for user, waiting in asked.items():
                        waiting.set_result(people[user])
        finally:
            del self._asking[site]
            self._wanted.pop(site, None)

    async def _ask_for(self, site: str, users: list[str]) -> dict[str, Person]:
        answer = await self._app.ask(site, "presence.people", {"users": users})
        try:
            return {user: _read(user, answer.get(user, {})) for user in users}
        except AttributeError as error:
            raise Unavailable(f"{site} answers nothing that makes sense") from error


def _read(user: str, told: Mapping[str, Any]) -> Person:
    who = Who(told.get("name") or user, told.get("image") or None)
    return Person(who, told.get("invisible") is True)

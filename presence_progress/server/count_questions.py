"""How many documents there are for a user: Frappe's own count, with that user's rights.

A site that has this app is asked in the server's own name, about several counts at once. Another
one is asked as the user, one count after the other: by ``frappe.desk.reportview.get_count``, as its
lists do, for ``frappe.client.get_count`` counts what the user may not see, too.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from presence_progress.server.app_questions import AppQuestions, NoApp
from presence_progress.server.questions import Asker, Denied, Failed, Questions, Unavailable
from presence_progress.server.sessions import NOT_PERMITTED
from presence_progress.settings import QUERY_BUDGET

BAD_FILTERS = "bad filters"
LATER = "later"
_REFUSALS = (NOT_PERMITTED, BAD_FILTERS)
_COUNTS = Asker("server", "counts")
"""Asks in its users' names, who have had their turns among themselves already."""


@dataclass(frozen=True)
class Asked:
    """One question; ``credentials`` are those of the user's sessions that want to know."""

    user: str
    doctype: str
    filters: str
    credentials: Sequence[Mapping[str, str]]

    @property
    def may_repeat(self) -> bool:
        """Whether the filters may find a document several times, once for each row of a child
        table that fits: told as Frappe's own lists tell it."""
        filters = json.loads(self.filters or "{}")
        if isinstance(filters, dict):
            return any("." in field for field in filters)
        return any(not isinstance(one, list) or one[:1] != [self.doctype] for one in filters)


@dataclass(frozen=True)
class Counted:
    """One answer: a number, or why there will be none, or neither, when the site could not tell."""

    value: int | None = None
    refusal: str | None = None
    is_late: bool = False
    """The site has not come to it, and wants to be asked again."""


class CountQuestions:
    """The way to a site's counts."""

    def __init__(self, questions: Questions, app: AppQuestions) -> None:
        self._questions = questions
        self._app = app

    async def ask(self, site: str, asked: Sequence[Asked]) -> list[Counted]:
        """Return an answer to each question; :class:`Unavailable` when the site cannot answer."""
        questions = [[one.user, one.doctype, one.filters, one.may_repeat] for one in asked]
        try:
            answers = await self._app.ask(site, "queries.count", {"questions": questions})
        except NoApp:
            return await self._ask_as_users(site, asked)
        try:
            return [_read(answer) for _, answer in zip(asked, answers, strict=True)]
        except (TypeError, ValueError, AttributeError) as error:
            raise Unavailable(f"{site} answers nothing that makes sense") from error

    async def _ask_as_users(self, site: str, asked: Sequence[Asked]) -> list[Counted]:
        counted: list[Counted] = []
        until = time.monotonic() + QUERY_BUDGET
        with contextlib.suppress(Unavailable):
            for one in asked:
                is_late = counted and time.monotonic() > until
                counted.append(Counted(is_late=True) if is_late else await self._ask_as(site, one))
        return [*counted, *[Counted()] * (len(asked) - len(counted))]

    async def _ask_as(self, site: str, asked: Asked) -> Counted:
        """Ask as one user; :class:`Unavailable` when nobody else need be asked about now."""
        parameters = {
            "doctype": asked.doctype,
            "filters": asked.filters or "{}",
            "fields": "[]",
            "distinct": "true" if asked.may_repeat else "false",
        }
        counted = Counted()
        for credentials in asked.credentials:
            try:
                value = await self._questions.ask(
                    *(site, credentials, "frappe.desk.reportview.get_count", parameters),
                    asker=_COUNTS,
                )
            except Denied as error:
                # It may be said to one session alone, which has ended: another may still ask.
                is_about_rights = error.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
                counted = Counted(refusal=NOT_PERMITTED if is_about_rights else BAD_FILTERS)
            except Failed:
                return Counted()
            else:
                return _read({"value": value})
        return counted


def _read(answer: Any) -> Counted:
    value, reason = answer.get("value"), answer.get("reason")
    if isinstance(value, int) and not isinstance(value, bool):
        return Counted(value)
    return Counted(refusal=reason if reason in _REFUSALS else None, is_late=reason == LATER)

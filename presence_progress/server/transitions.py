"""Who came and who left, told to the hooks of a site's apps: first in, last out, entered, left.

The hooks run in Frappe's worker. Whoever sweeps a room hands its transitions over here, and strikes
them off when that has worked; so each is told at least once, and the site runs it once.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import structlog

from presence_progress import keys
from presence_progress.presence import HOOKS
from presence_progress.server.app_questions import AppQuestions, NoApp
from presence_progress.server.expiring import Expiring
from presence_progress.server.questions import Unavailable
from presence_progress.settings import APP_LOOKUP, SITE_FORGOTTEN

KINDS = frozenset(HOOKS)

log = structlog.get_logger(__name__)


class Transitions:
    """Knows which sites have hooks, and tells them."""

    def __init__(self, app: AppQuestions) -> None:
        self._app = app
        self._kinds: Expiring[str, frozenset[str]] = Expiring(SITE_FORGOTTEN)
        """By site: the kinds that something hooks into, as it said last."""
        self._asking: dict[str, asyncio.Task[None]] = {}

    def has_hooks(self, site: str) -> bool:
        """Return whether a site's apps want to know of transitions.

        Says yes until the site has answered: what is noted in vain is dropped, what is not noted is
        lost.
        """
        if self._kinds.age(site) > APP_LOOKUP and site not in self._asking:
            asking = asyncio.ensure_future(self._ask_in_background(site))
            self._asking[site] = asking
            asking.add_done_callback(lambda _: self._asking.pop(site))
        kinds = self._kinds.get(site)
        return kinds is None or bool(kinds)

    async def tell(self, site: str, room: str, transitions: Sequence[Mapping[str, Any]]) -> None:
        """Have a site run the hooks for some transitions of a room, ``{kind, user, at}`` each, with
        ``at`` in microseconds since 1970.

        :class:`Unavailable` when it cannot: then all of them are to be told again.
        """
        parsed = keys.parse_room(room)
        if parsed.kind != "presence":
            return
        kinds = self._kinds.get(site)
        if kinds is None:
            kinds = await self._ask(site)
        told = [
            {
                "id": _id(room, transition),
                "kind": transition["kind"],
                "doctype": parsed.doctype,
                "name": parsed.name,
                "user": transition["user"],
                "at": transition["at"],
            }
            for transition in transitions
            if transition["kind"] in kinds
        ]
        if told:
            try:
                await self._app.ask(site, "presence.transitions", {"transitions": told})
            except NoApp:
                self._kinds.put(site, frozenset())

    async def _ask_in_background(self, site: str) -> None:
        try:
            await self._ask(site)
        except Unavailable as error:
            # It is asked again with the next transition.
            log.debug("hooks are not known", site=site, error=str(error))

    async def _ask(self, site: str) -> frozenset[str]:
        try:
            kinds = KINDS.intersection(await self._app.ask(site, "presence.hooks", {}))
        except NoApp:
            kinds = frozenset()
        except TypeError as error:
            raise Unavailable(f"{site} answers nothing that makes sense") from error
        self._kinds.put(site, kinds)
        return kinds


def _id(room: str, transition: Mapping[str, Any]) -> str:
    """Return the same name for the same transition, whoever tells it and however often."""
    parts = room, transition["kind"], transition["user"], str(transition["at"])
    return hashlib.sha1("\n".join(parts).encode(), usedforsecurity=False).hexdigest()

"""What a site may set about presence, and how a value of it is read. No I/O.

The realtime server reads it from files (``server/site_settings.py``), the site itself from its
DocType Realtime Settings and its configuration (``site/settings.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

SETTINGS_FILE = "presence_progress.json"
"""In a site's folder: what is set in Desk, where the realtime server reads it. It asks nobody, and
nothing is set because a web server was away."""


@dataclass(frozen=True)
class PresenceRules:
    """What a site has set about presence; the defaults hold where it has set nothing."""

    presence: bool = True
    """The switch: without it nobody watches or enters anything here."""
    guests: bool = False
    """Whether visitors who have not signed in watch and enter documents that they may read."""
    online: str = "system"
    """Who sees who is online: ``system`` users, ``all`` who are signed in, or ``off``, nobody."""
    online_count: str = "system"
    """Who sees how many are online: the same, or ``website``, everybody."""
    move: bool = True
    """Whether a stock client that opens a document has left the one before, of the same
    DocType."""


KEYS = {f"presence_progress_{field.name}": field.name for field in fields(PresenceRules)}
"""The keys of ``site_config.json``, and what each sets."""

Trouble = Callable[[str, Any, str], None]
"""Is told the key, the value and what was expected."""


def read_rules(told: Mapping[str, Any], trouble: Trouble = lambda *_: None) -> dict[str, Any]:
    """Return what can be used of a configuration, by the names of :class:`PresenceRules`; an empty
    value sets nothing."""
    good = {}
    for key, name in KEYS.items():
        value = told.get(key)
        if value in (None, ""):
            continue
        try:
            good[name] = _READ[name](value)
        except ValueError as error:
            trouble(key, value, str(error))
    return good


def read_switch(value: Any) -> bool:
    """Return what a switch says; ``ValueError`` for what is none."""
    if value in (True, "1", "true", "True"):
        return True
    if value in (False, "0", "false", "False"):
        return False
    raise ValueError("true or false (or 1 or 0)")


def _one_of(*choices: str) -> Callable[[Any], str]:
    def read(value: Any) -> str:
        if value in choices:
            return str(value)
        raise ValueError(f"one of {', '.join(choices)}")

    return read


_READ: dict[str, Callable[[Any], Any]] = {
    "presence": read_switch,
    "guests": read_switch,
    "online": _one_of("system", "all", "off"),
    "online_count": _one_of("system", "all", "website", "off"),
    "move": read_switch,
}

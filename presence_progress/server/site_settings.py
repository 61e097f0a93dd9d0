"""What a site has set about presence: read from its files, and read again when they have changed.

What is set in Desk lies in a file of the site's, which ``site/settings.py`` writes. Over it a
bench's ``sites/common_site_config.json`` holds for all its sites, and a site's own
``site_config.json`` over that, as in Frappe. Without a bench the environment says it. A value that
cannot be used is named in the log, and what held before goes on.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import structlog

from presence_progress.server.expiring import Expiring
from presence_progress.settings import SITE_FORGOTTEN, SITE_SETTINGS_INTERVAL
from presence_progress.site_rules import KEYS, SETTINGS_FILE, PresenceRules, read_rules

log = structlog.get_logger(__name__)


class SiteSettings:
    """The rules of each site of a bench; files are looked at every two seconds, when somebody
    asks."""

    def __init__(self, bench: Path | None, environ: Mapping[str, str] = os.environ) -> None:
        self._sites = bench / "sites" if bench else None
        self._known: Expiring[str, _Site] = Expiring(SITE_FORGOTTEN)
        """The sites that were asked about of late."""
        if self._sites:
            self._common = _File(self._sites / "common_site_config.json")
        told = {} if bench else {key: environ.get(key.upper()) for key in KEYS}
        self._without_bench = replace(PresenceRules(), **_good(told, {}, "the environment"))

    def of(self, site: str) -> PresenceRules:
        """Return what a site has set."""
        if self._sites is None:
            return self._without_bench
        known = self._known.get(site)
        if known is None or self._known.age(site) >= SITE_SETTINGS_INTERVAL:
            known = known or _Site(self._sites / site)
            known.look(self._common)
            # Put anew: one that somebody is on is never among the oldest.
            self._known.put(site, known)
        return known.rules


class _Site:
    """One site's files, and what they come to."""

    def __init__(self, folder: Path) -> None:
        self._in_desk = _File(folder / SETTINGS_FILE)
        self._own = _File(folder / "site_config.json")
        self.rules = PresenceRules()

    def look(self, common: _File) -> None:
        """Read what has changed."""
        set_here = {**self._in_desk.read(), **common.read(), **self._own.read()}
        self.rules = replace(PresenceRules(), **set_here)


class _File:
    """One file, and the last good value of each setting in it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._version: object = None
        self._trouble = ""
        """What was said last about a file that cannot be read: it is said once."""
        self._good: dict[str, Any] = {}

    def read(self) -> Mapping[str, Any]:
        try:
            status = self._path.stat()
            # The inode, too: editors, and Frappe, may put a new file in the place of the old one.
            version = status.st_mtime_ns, status.st_size, status.st_ino
            if version != self._version:
                told = _object(self._path.read_text("utf-8"))
                self._good = _good(told, self._good, self._path)
                self._version, self._trouble = version, ""
        except FileNotFoundError:
            self._version, self._good, self._trouble = None, {}, ""
        except (OSError, ValueError) as error:
            if self._trouble != str(error):
                log.warning("settings that cannot be read", file=str(self._path), why=str(error))
            self._version, self._trouble = None, str(error)
        return self._good


def _object(text: str) -> dict[str, Any]:
    content = json.loads(text)
    if not isinstance(content, dict):
        raise ValueError("expected is a JSON object, {key: value, …}")
    return content


def _good(told: Mapping[str, Any], before: Mapping[str, Any], where: object) -> dict[str, Any]:
    """Return the values that can be used, and those from before in the place of those that
    cannot."""
    kept = {}

    def trouble(key: str, value: Any, expected: str) -> None:
        log.warning(
            "a setting that cannot be used",
            key=key,
            file=str(where),
            value=value,
            expected=expected,
        )
        if KEYS[key] in before:
            kept[KEYS[key]] = before[KEYS[key]]

    return {**read_rules(told, trouble), **kept}

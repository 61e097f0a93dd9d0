"""What a site has set about presence: read from its files, and read again when they have changed.

What is set in Desk lies in a file of the site's, which ``site/settings.py`` writes. Over it a
bench's ``sites/common_site_config.json`` holds for all its sites, and a site's own
``site_config.json`` over that, as in Frappe. Without a bench the environment says it. A value that
cannot be used is named in the log, and what held before goes on.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import structlog

from presence_progress.settings import SITE_SETTINGS_INTERVAL
from presence_progress.site_rules import KEYS, SETTINGS_FILE, PresenceRules, read_rules

log = structlog.get_logger(__name__)


class SiteSettings:
    """The rules of each site of a bench; files are looked at every two seconds, when somebody
    asks."""

    def __init__(self, bench: Path | None, environ: Mapping[str, str] = os.environ) -> None:
        self._sites = bench / "sites" if bench else None
        self._files: dict[str, _File] = {}
        self._rules: dict[str, tuple[float, PresenceRules]] = {}
        """By site, and when it was looked at."""
        told = {} if bench else {key: environ.get(key.upper()) for key in KEYS}
        self._without_bench = replace(PresenceRules(), **_good(told, {}, "the environment"))

    def of(self, site: str) -> PresenceRules:
        """Return what a site has set."""
        if self._sites is None:
            return self._without_bench
        looked, rules = self._rules.get(site, (float("-inf"), PresenceRules()))
        now = time.monotonic()
        if now - looked >= SITE_SETTINGS_INTERVAL:
            in_desk = self._read(self._sites / site / SETTINGS_FILE)
            common = self._read(self._sites / "common_site_config.json")
            own = self._read(self._sites / site / "site_config.json")
            rules = replace(PresenceRules(), **{**in_desk, **common, **own})
            self._rules[site] = now, rules
        return rules

    def _read(self, path: Path) -> Mapping[str, Any]:
        return self._files.setdefault(str(path), _File(path)).read()


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

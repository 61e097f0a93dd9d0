"""What can keep the realtime server of a bench from working: one small check for each.

A check looks and changes nothing. It yields what it found as soon as it has, within ten seconds
each; what it cannot do is a finding, too, and never keeps the next one from being made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from presence_progress.bench import BadSetting
from presence_progress.doctor import (
    apps,
    callback,
    configuration,
    limits,
    nginx,
    port,
    redis_server,
    sites,
    versions,
)
from presence_progress.doctor.finding import Finding, Mark, problem, skipped

__all__ = ["CHECKS", "Check", "Finding", "Mark", "examine"]


@dataclass(frozen=True)
class Check:
    """A title of one or two words, and what looks at a bench."""

    title: str
    look: Callable[[Path], Iterator[Finding]]


CHECKS = (
    Check("Settings", configuration.check_settings),
    Check("Started", configuration.check_started),
    Check("Redis", redis_server.check_redis),
    Check("Store", redis_server.check_store),
    Check("Port", port.check_port),
    Check("Frappe", callback.check_callback),
    Check("Secret", callback.check_secret),
    Check("Sites", sites.check_sites),
    Check("nginx", nginx.check_nginx),
    Check("Versions", versions.check_versions),
    Check("Apps", apps.check_handlers),
    Check("Limits", limits.check_limits),
)


def examine(check: Check, bench: Path) -> Iterator[Finding]:
    """Yield what a check finds; a check that breaks is a finding, too."""
    try:
        yield from check.look(bench)
    except BadSetting:
        yield skipped("Not looked at, since the settings cannot be read.")
    except Exception as error:
        yield problem(
            f"This check itself is broken: {error!r}.",
            "The other checks hold; please report this one.",
        )

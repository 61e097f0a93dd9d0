"""Runs hooks in a worker, as :mod:`presence_progress.site.presence` does in Frappe's."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from presence_progress import context, keys
from presence_progress.settings import TRANSITION_TTL

log = logging.getLogger(__name__)


def run_hooks(
    site: str, hooks: Mapping[str, Sequence[str]], transitions: Sequence[Mapping[str, Any]]
) -> None:
    """Run the hooks, by name as dotted paths, for transitions whose hooks have not been run."""
    redis = context.redis()
    for one in transitions:
        if redis.set(keys.ran_key(site, one["id"]), "", nx=True, ex=TRANSITION_TTL):
            at = datetime.fromtimestamp(one["at"] / 1_000_000)
            for path in hooks.get(f"presence_{one['kind']}", ()):
                module, _, function = path.rpartition(".")
                try:
                    call = getattr(importlib.import_module(module), function)
                    with context.at(site, "Administrator"):
                        call(one["doctype"], one["name"], one["user"], at)
                except Exception:
                    log.exception("%s failed", path)

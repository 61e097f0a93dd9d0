"""May one process have as many connections as there are open pages?"""

from __future__ import annotations

import resource
from collections.abc import Iterator
from pathlib import Path

from presence_progress.doctor.finding import Finding, fine, warning

_ENOUGH = 4096
"""A connection is an open file; the usual default of 1024 ends at a few hundred people."""


def check_limits(bench: Path) -> Iterator[Finding]:
    """Look at the number of files that may be open at once."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= _ENOUGH:
        yield fine("Open files at once: " + ("no limit." if soft < 0 else f"{soft}."))
        return
    wanted = "65536" if hard == resource.RLIM_INFINITY else str(min(hard, 65536))
    yield warning(
        f"Only {soft} files may be open at once, which is as many open pages at most.",
        f"ulimit -n {wanted} before bench start; supervisor: minfds={wanted} under [supervisord]; "
        f"systemd: LimitNOFILE={wanted} in the unit.",
    )

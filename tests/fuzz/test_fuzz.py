"""A short fuzz of every way in: whatever is sent, the server is ready, and others notice nothing.

``make fuzz`` runs longer ones; what it prints says how to have the same one again.
"""

from __future__ import annotations

from pathlib import Path

from tests.fuzz.run import run

SEED, SECONDS = 7, 5


async def test_whatever_is_sent_harms_nobody(tmp_path: Path) -> None:
    report = await run(SEED, SECONDS, tmp_path)
    assert not report.faults, f"seed {SEED}\n{report}"
    assert report.looks and all(done.total() for done in report.tried.values()), str(report)

"""A short chaos run: each kind of fault once, and nobody sees what is not true.

``make chaos`` runs longer ones; what it prints says how to have the same one again.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.chaos.plan import KINDS, draw

_ROOT = Path(__file__).parent.parent.parent
SEED, SECONDS, CLIENTS = 7, 40, 100
MARGIN = 3
"""Seconds: a test shares its machine with others."""


def test_the_same_seed_draws_the_same_plan_and_the_short_one_has_every_fault() -> None:
    plan = draw(SEED, SECONDS, CLIENTS)
    assert plan == draw(SEED, SECONDS, CLIENTS) != draw(SEED + 1, SECONDS, CLIENTS)
    assert {fault.kind for fault in plan.faults} == set(KINDS)


# The run itself, up to 20 s until all is quiet, processes that start, and a machine that is busy.
@pytest.mark.timeout(240)
def test_presence_is_true_through_a_short_run(tmp_path: Path) -> None:
    history = tmp_path / "history.jsonl"
    # A process of its own: its clocks and its event loop are disturbed by nothing of the tests'.
    command = (
        *(sys.executable, "-m", "tests.chaos", "--history", str(history)),
        *("--seed", str(SEED), "--seconds", str(SECONDS), "--clients", str(CLIENTS)),
        *("--margin", str(MARGIN)),
    )
    run = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "no violation" in run.stdout

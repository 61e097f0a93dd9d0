"""The table: ratios first, the goal beside each, and on which machine."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import statistics
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.realtime.jobs import Job, Measure
from benchmarks.realtime.servers import NODE, OURS, ROOT

Results = dict[str, dict[str, list[float]]]
"""By measure and server: a value for each run."""

_HEAD = f"{'ratio':>7}  {'goal':<8}{'':7}{'':<55}{'ours':>9}{'Node':>9}  unit  ratio of each run"
_LEGEND = (
    "µs: CPU of the server's process, all threads, for one piece of work. Ratios: for work,",
    "Node's cost divided by ours (above 1: ours is cheaper); for latency and memory, ours",
    "divided by Node's (below 1: ours is less). Medians of all runs.",
)


def text(
    jobs: Sequence[Job],
    found: Results,
    curves: Sequence[Any],
    attacks: Sequence[str],
    checkout: Path,
) -> str:
    """Return the whole report; of attacks, the lines of their table."""
    rows = [measure for job in jobs for measure in job.measures if measure.key in found]
    lines = machine(checkout)
    if rows:
        lines += ["", _HEAD, *(_line(row, found[row.key]) for row in rows), "", *_LEGEND]
    for curve, points in curves:
        lines += ["", f"{curve.title} ({curve.unit})", *_points(points)]
    return "\n".join([*lines, *attacks]) + "\n"


def _line(measure: Measure, values: dict[str, list[float]]) -> str:
    ours, node = (
        statistics.median(values[name]) if values[name] else None for name in (OURS, NODE)
    )
    ratio, each = None, ""
    if measure.kind != "plain" and ours and node:
        ratio = node / ours if measure.kind == "faster" else ours / node
        ratios = [
            b / a if measure.kind == "faster" else a / b
            for a, b in zip(values[OURS], values[NODE], strict=False)
            if a and b
        ]
        each = f"{min(ratios):.2f} to {max(ratios):.2f}"
    judged = ours if measure.kind == "plain" else ratio
    goal, verdict = "", ""
    if measure.goal is not None:
        sign = "≥" if measure.kind == "faster" else "≤"
        goal = f"{sign} {measure.goal:g}"
        if judged is not None:
            is_met = judged >= measure.goal if sign == "≥" else judged <= measure.goal
            verdict = "met" if is_met else "missed"
    shown = f"{ratio:.2f} x" if ratio is not None else ""
    return (
        f"{shown:>7}  {goal:<8}{verdict:<7}{measure.title:<55}"
        f"{number(ours):>9}{number(node):>9}  {measure.unit:<4}  {each}"
    ).rstrip()


def _points(points: dict[str, dict[float, float]]) -> list[str]:
    places = sorted({x for values in points.values() for x in values})
    lines = [f"  {'':<6}" + "".join(f"{place:>10,g}" for place in places)]
    for name, values in points.items():
        lines.append(f"  {name:<6}" + "".join(f"{number(values.get(x)):>10}" for x in places))
    return lines


def number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def machine(checkout: Path) -> list[str]:
    """Return what was measured, and on what."""
    python = ", ".join(
        f"{name} {importlib.metadata.version(name)}"
        for name in ("python-socketio", "python-engineio", "uvicorn", "uvloop", "redis", "aiohttp")
    )
    node = ", ".join(f"{name} {_node_version(name)}" for name in ("socket.io", "@redis/client"))
    return [
        f"{_cpu()}, {os.cpu_count()} cores, {platform.system()} {platform.release()}",
        f"Python {platform.python_version()}: {python}",
        f"Node {_said('node', '--version').removeprefix('v')}: {node}",
        f"presence_progress {_said('git', '-C', str(checkout), 'describe', '--always', '--dirty')}",
    ]


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _node_version(name: str) -> str:
    path = ROOT / "frontend/node_modules" / name / "package.json"
    return str(json.loads(path.read_text())["version"])


def _said(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "?"

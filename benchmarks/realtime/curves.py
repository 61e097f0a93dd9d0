"""Cost against work: one run for each point, and a picture of all curves."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.realtime import jobs
from benchmarks.realtime.clients import Failure, event, message
from benchmarks.realtime.jobs import Load, load
from benchmarks.realtime.servers import NODE, OURS, World

Points = dict[str, dict[float, float]]
"""By server: what was found at each place."""


@dataclass(frozen=True)
class Curve:
    name: str
    title: str
    x: str
    unit: str
    places: Sequence[int]
    at: Callable[[Load, int], float]
    servers: Sequence[str] = (OURS, NODE)
    options: Callable[[int], Sequence[str]] = lambda place: ()


def measure(world: World, curve: Curve, say: Callable[[str], None]) -> Points:
    """Run a curve; a place that a server does not reach is left out."""
    found: Points = {name: {} for name in curve.servers}
    for place in curve.places:
        for name in curve.servers:
            try:
                with load(world, name, *curve.options(place)) as one:
                    found[name][place] = curve.at(one, place)
            except (Failure, OSError) as error:
                say(f"{curve.name} {place:,}: {name} failed: {error}")
            else:
                say(f"{curve.name} {place:,}: {name} {found[name][place]:.2f} {curve.unit}")
    return found


# --- the curves -----------------------------------------------------------------------------------


def _receivers(load: Load, receivers: int) -> float:
    return jobs.broadcast(load, receivers, "it", deliveries=30_000)["it"]


def _rooms(load: Load, count: int) -> float:
    return jobs.small_rooms(load, count, "it")["it"]


def _handshakes(load: Load, count: int) -> float:
    return jobs.connections(load, count, deliveries=False)["handshake"]


def _memory(load: Load, count: int) -> float:
    return jobs.connections(load, count, deliveries=False)["memory"]


def _tasks(load: Load, count: int) -> float:
    """Return the percent of a core that tasks at 5 Hz take, two watchers each."""
    due = 5 * (2 * count - 2 * count // 10)
    return jobs.tasks(load, count, "it")["it"] * due / 1e4


def _joins(load: Load, rate: int) -> float:
    """Return the percent of a core that so many presence joins a second take, of 1,000 sockets."""
    return jobs.enters_at(load, rate)


def _processes(load: Load, _: int) -> float:
    """Return what a delivery costs all processes together, 1,000 receivers."""
    return jobs.broadcast(load, 1_000, "it", deliveries=30_000)["it"]


def _throughput(load: Load, _: int) -> float:
    """Return the thousands of deliveries a second that several processes reach together."""
    load.crowd.connect(1_000)
    events = [event("website", message(number)) for number in range(40)]
    load.publish(*events, deliveries=40_000)
    begun = time.monotonic()
    load.publish(*events, deliveries=40_000)
    return 40 / (time.monotonic() - begun)


_PROCESSES = (1, 2, 4)


def _workers(count: int) -> Sequence[str]:
    return ("--workers", str(count))


CURVES = (
    Curve(
        "receivers",
        "A delivery, by receivers of the room",
        "receivers",
        "µs",
        (10, 100, 1_000, 3_000),
        _receivers,
    ),
    Curve(
        "rooms",
        "A delivery, by rooms of 1 to 3 that are told at once",
        "rooms",
        "µs",
        (100, 1_000, 3_000),
        _rooms,
    ),
    Curve(
        "handshakes",
        "A handshake, by connections",
        "connections",
        "µs",
        (500, 3_000),
        _handshakes,
    ),
    Curve(
        "memory",
        "Memory of an idle connection, by connections",
        "connections",
        "kB",
        (500, 3_000),
        _memory,
    ),
    Curve(
        "joins-rate",
        "CPU, by presence joins a second",
        "joins/s",
        "% of a core",
        (100, 300, 1_000),
        _joins,
    ),
    Curve(
        "tasks-rate",
        "CPU, by tasks at 5 Hz with 2 watchers",
        "tasks",
        "% of a core",
        (100, 300, 1_000),
        _tasks,
    ),
    Curve(
        "processes",
        "A delivery to 1,000, by processes",
        "processes",
        "µs",
        _PROCESSES,
        _processes,
        (OURS,),
        _workers,
    ),
    Curve(
        "throughput",
        "Deliveries a second, by processes",
        "processes",
        "thousand/s",
        _PROCESSES,
        _throughput,
        (OURS,),
        _workers,
    ),
)

# --- the picture ----------------------------------------------------------------------------------

_WIDTH, _HEIGHT, _COLUMNS = 360, 240, 2
_LEFT, _TOP, _RIGHT, _BOTTOM = 52, 44, 20, 40
_COLOURS = {OURS: "#2563eb", NODE: "#9a9a9a"}


def draw(curves: Sequence[tuple[Curve, Points]]) -> str:
    """Return an SVG picture, a panel for each curve; across, each step of the eye is a factor."""
    rows = math.ceil(len(curves) / _COLUMNS)
    width, height = _COLUMNS * _WIDTH, rows * _HEIGHT
    panels = [
        f'<g transform="translate({n % _COLUMNS * _WIDTH} {n // _COLUMNS * _HEIGHT})">'
        f"{_panel(curve, points)}</g>"
        for n, (curve, points) in enumerate(curves)
    ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}"'
        f' width="{width}" height="{height}" font-family="sans-serif" font-size="11">\n'
        f'<rect width="{width}" height="{height}" fill="#fff"/>\n'
        + "\n".join(panels)
        + "\n</svg>\n"
    )


def _panel(curve: Curve, points: Points) -> str:
    highest = max((y for line in points.values() for y in line.values()), default=1) * 1.15
    first, last = math.log(min(curve.places)), math.log(max(curve.places))

    def place(x: float, y: float) -> tuple[float, float]:
        across = (math.log(x) - first) / (last - first)
        return (
            round(_LEFT + across * (_WIDTH - _LEFT - _RIGHT), 1),
            round(_HEIGHT - _BOTTOM - y / highest * (_HEIGHT - _TOP - _BOTTOM), 1),
        )

    parts = [
        _text(8, 18, curve.title, 'font-weight="bold"'),
        _text(8, 33, f"{curve.unit}; below: {curve.x}", 'fill="#666"'),
    ]
    for level in (0, _round(highest) / 2, _round(highest)):
        x, y = place(min(curve.places), level)
        parts.append(f'<path d="M{x} {y}H{_WIDTH - _RIGHT}" stroke="#ddd"/>')
        parts.append(_text(x - 6, y + 4, f"{level:g}", 'text-anchor="end" fill="#666"'))
    for at in curve.places:
        x, y = place(at, 0)
        parts.append(_text(x, y + 16, f"{at:,}", 'text-anchor="middle" fill="#666"'))
    for name, line in points.items():
        if line:
            colour = _COLOURS[name]
            shown = [place(x, y) for x, y in sorted(line.items())]
            path = " ".join(f"{x},{y}" for x, y in shown)
            parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}"/>')
            parts += [f'<circle cx="{x}" cy="{y}" r="3" fill="{colour}"/>' for x, y in shown]
            x, y = shown[-1]
            parts.append(_text(x, y - 7, name, f'text-anchor="end" fill="{colour}"'))
    return "".join(parts)


def _text(x: float, y: float, text: str, more: str) -> str:
    return f'<text x="{x}" y="{y}" {more}>{text}</text>'


def _round(value: float) -> float:
    """Return a number of one digit and noughts, not above a value."""
    unit = 10 ** math.floor(math.log10(value))
    return float(f"{math.floor(value / unit) * unit:.6g}")

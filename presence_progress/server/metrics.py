"""What the server counts, for Prometheus: every counter, once."""

from __future__ import annotations

import functools
import os

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
    multiprocess,
)

REGISTRY = CollectorRegistry()
_HAS_WORKERS = "PROMETHEUS_MULTIPROC_DIR" in os.environ

SOCKETS = Gauge(
    "presence_progress_sockets",
    "Sockets that are connected.",
    ["site"],
    registry=REGISTRY,
    multiprocess_mode="livesum",
)
REFUSED = Counter(
    "presence_progress_refused_total",
    "Connections that were refused.",
    ["reason"],
    registry=REGISTRY,
)
DROPPED = Counter(
    "presence_progress_dropped_total",
    "Connections that the server has cut off, to be made anew.",
    ["reason"],
    registry=REGISTRY,
)
LIMITED = Counter(
    "presence_progress_limited_total",
    "Times that a limit stopped or slowed a client, by the limit's setting.",
    ["limit"],
    registry=REGISTRY,
)
EVENTS = Counter("presence_progress_events_total", "Events heard on Redis.", registry=REGISTRY)
CLIENT_EVENTS = Counter(
    "presence_progress_client_events_total",
    "Events that clients have sent.",
    ["event"],
    registry=REGISTRY,
)
FAILURES = Counter(
    "presence_progress_failures_total",
    "Events of clients that ended in an error.",
    ["event"],
    registry=REGISTRY,
)
QUESTIONS = Counter(
    "presence_progress_questions_total", "Questions to Frappe.", ["outcome"], registry=REGISTRY
)
QUESTION_SECONDS = Histogram(
    "presence_progress_question_seconds", "How long Frappe took to answer.", registry=REGISTRY
)
FENCED = Counter(
    "presence_progress_fenced_total",
    "Times that this node was taken for dead, and began anew.",
    registry=REGISTRY,
)
TAKEN_OVER = Counter(
    "presence_progress_nodes_taken_over_total",
    "Dead nodes whose sessions this node has ended.",
    registry=REGISTRY,
)
RECONCILED = Counter(
    "presence_progress_rooms_reconciled_total",
    "Rooms in which Redis knew other sessions of this node than it has.",
    registry=REGISTRY,
)
EJECTED = Counter(
    "presence_progress_ejected_total",
    "Rooms that sockets had to leave because a right was lost.",
    registry=REGISTRY,
)
UNCONFIRMED = Counter(
    "presence_progress_unconfirmed_total",
    "Rights and sessions that a site could not confirm in time, so that sockets had to come again.",
    registry=REGISTRY,
)
STOCK_PROGRESS = Counter(
    "presence_progress_stock_progress_total",
    "Times that Frappe's own progress was kept.",
    ["source"],
    registry=REGISTRY,
)
LISTENING = Gauge(
    "presence_progress_listening",
    "Whether the server hears Redis: 1 or 0.",
    registry=REGISTRY,
    multiprocess_mode="livemin",
)


_MOST_SITES = 1_000
OTHER_SITES = "others"
"""The label of sites beyond so many: where Frappe takes any name for its one site, a client may
make up names without end."""
_sites: dict[str, tuple[str, int]] = {}
"""The label of each site that has sockets, and how many."""
_labels: set[str] = set()
"""Those that are shown."""


def count_socket(site: str, change: int) -> None:
    """Count a socket that has come to a site which Frappe knows (1), or has gone (-1)."""
    label, sockets = _sites.get(site) or (_label_of(site), 0)
    _sites[site] = label, sockets + change
    SOCKETS.labels(label).inc(change)
    if sockets + change == 0:
        del _sites[site]
        # Workers share files, from which no label can be removed.
        if label != OTHER_SITES and not _HAS_WORKERS:
            SOCKETS.remove(label)
            _labels.discard(label)


def _label_of(site: str) -> str:
    if site not in _labels and len(_labels) >= _MOST_SITES:
        return OTHER_SITES
    _labels.add(site)
    return site


@functools.cache
def _client_events(event: str) -> Counter:
    return CLIENT_EVENTS.labels(event)


def count_client_event(event: str) -> None:
    """Count an event of one of the names that there are handlers for."""
    _client_events(event).inc()


def render() -> bytes:
    """Return all of it in Prometheus's text format, added up over the workers behind one port."""
    if not _HAS_WORKERS:
        return generate_latest(REGISTRY)
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry)

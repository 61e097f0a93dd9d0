"""What is counted has few names, whatever clients make up."""

from __future__ import annotations

import re
from typing import Any

import pytest

from presence_progress.server import metrics
from presence_progress.server.access import Access
from presence_progress.server.handshake import Handshake, Refused
from presence_progress.server.questions import Denied
from tests.server.test_sessions_that_end import World, world  # noqa: F401


@pytest.fixture(autouse=True)
def _only_this_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "_sites", {})
    monkeypatch.setattr(metrics, "_labels", set())
    metrics.SOCKETS.clear()


def sites() -> dict[str, float]:
    """Return the sockets by the sites that are shown."""
    text = metrics.render().decode()
    shown = re.findall(r'^presence_progress_sockets\{site="(.*)"\} (.*)$', text, re.MULTILINE)
    return {site: float(count) for site, count in shown}


async def test_a_site_is_shown_for_as_long_as_it_has_sockets(world: World) -> None:  # noqa: F811
    connections = [await world.connect(f"a{number}.example") for number in (1, 1, 2)]
    await world.settle()
    assert sites() == {"a1.example": 2, "a2.example": 1}
    for connection, left in zip(connections, ({"a1", "a2"}, {"a2"}, set[str]()), strict=True):
        connection.lose(1006)
        await world.settle()
        assert set(sites()) == {f"{name}.example" for name in left}
    assert not metrics._sites and not metrics._labels


def test_sites_beyond_some_are_counted_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "_MOST_SITES", 2)
    for name in "abcda":
        metrics.count_socket(name, 1)
    assert sites() == {"a": 2, "b": 1, "others": 2}
    metrics.count_socket("b", -1)
    metrics.count_socket("e", 1)
    # Each is taken from where it was added.
    metrics.count_socket("c", -1)
    assert sites() == {"a": 2, "others": 1, "e": 1}


def test_workers_share_files_from_which_nothing_is_removed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(metrics, "_MOST_SITES", 2)
    monkeypatch.setattr(metrics, "_HAS_WORKERS", True)
    for name in "abcd":
        metrics.count_socket(name, 1)
        metrics.count_socket(name, -1)
    monkeypatch.setattr(metrics, "_HAS_WORKERS", False)
    assert sites() == {"a": 0, "b": 0, "others": 0}


async def test_reasons_of_refusals_are_few_whatever_frappe_answers() -> None:
    reasons = set()
    for status in range(300, 1000):

        class Frappe:
            async def ask(self, *_: Any, status: int = status, **__: Any) -> Any:
                raise Denied(status)

        frappe: Any = Frappe()
        with pytest.raises(Refused) as refused:
            await Access(frappe, None).identify(Handshake("a.example", {}))
        reasons.add(str(refused.value))
    assert len(reasons) < 60 and "Unauthorized: Error: unknown" in reasons

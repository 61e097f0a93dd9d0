"""Presence is what its model says, whatever happens: several servers, users with several tabs, jobs,
crashes, pauses, cut wires, wrong clocks, and a Redis that forgets.

Hypothesis thinks up lives of a small world (``tests/model/world.py``): real scripts, real nodes, time
that it rules. After every step all that was published, and what Redis holds, is compared with the
model (``tests/model/presence.py``), change by change; after every trouble it must be true again
within bounds.

    PP_MODEL_EXAMPLES=2000 python -m pytest tests/test_presence_model.py     a deeper search
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from presence_progress import presence
from presence_progress.settings import RECONNECT_GRACE
from tests.conftest import RedisServer
from tests.model import world as worlds
from tests.model.presence import Limits
from tests.model.world import Server, Tab, World

EXAMPLES = int(os.environ.get("PP_MODEL_EXAMPLES", "60"))
BOUND = 10_000
"""Milliseconds after the last trouble, by when nobody is missing and no ghost is left."""

SHORT = Limits(focus=20_000, left=30_000)
LARGE = Limits(focus=20_000, left=30_000, large_room=2)

USERS = st.sampled_from(["ann", "bob", "eve", "kim"])
DOCUMENTS = st.sampled_from(["a", "b"])
ACTIVITIES = st.sampled_from(presence.ACTIVITIES)
FOCUS = st.sampled_from([None, "city", "zip"])


def one_of(choices: str) -> Any:
    """Return one of what the machine has at that moment."""
    return st.runner().flatmap(lambda machine: st.sampled_from(getattr(machine, choices)))


def has(choices: str) -> Any:
    return precondition(lambda machine: bool(getattr(machine, choices)))


class Life(RuleBasedStateMachine):
    """What may happen to presence."""

    client: Any = None
    limits = SHORT

    def __init__(self) -> None:
        super().__init__()
        self.client.flushdb()
        self.world = World(self.client, "site.localhost", self.limits)
        self.tabs: list[Tab] = []
        self.jobs: dict[tuple[str, str], int] = {}
        """(user, document) → when it last spoke for itself."""
        self.true_again = 0
        """When the last trouble is over."""
        self.memory: Any = None
        self._count = 0

    def _next(self, kind: str) -> str:
        self._count += 1
        return f"{kind}{self._count}"

    # --- servers ---

    @property
    def servers(self) -> list[Server]:
        return self.world.servers

    @property
    def well(self) -> list[Server]:
        return [server for server in self.servers if server.is_well]

    @property
    def running(self) -> list[Server]:
        return [server for server in self.servers if not server.is_paused]

    @property
    def paused(self) -> list[Server]:
        return [server for server in self.servers if server.is_paused]

    def trouble(self) -> None:
        self.true_again = self.world.now + BOUND

    @initialize(skews=st.lists(st.integers(-(10**7), 10**7), min_size=2, max_size=2))
    def begin(self, skews: list[int]) -> None:
        for skew in skews:
            self.boot(skew)

    @precondition(lambda self: len(self.servers) < 4)
    @rule(skew=st.integers(-(10**7), 10**7))
    def boot(self, skew: int) -> None:
        self.servers.append(Server(self.world, self._next("server"), skew))

    @has("servers")
    @rule(server=one_of("servers"))
    def kill(self, server: Server) -> None:
        self._remove(server)
        server.kill()

    @has("well")
    @rule(server=one_of("well"))
    def end(self, server: Server) -> None:
        self._remove(server)
        server.end()

    def _remove(self, server: Server) -> None:
        self.servers.remove(server)
        self.tabs = [tab for tab in self.tabs if tab.server is not server]
        self.trouble()

    @has("running")
    @rule(server=one_of("running"))
    def pause(self, server: Server) -> None:
        server.is_paused = True
        self.trouble()

    @has("paused")
    @rule(server=one_of("paused"))
    def wake(self, server: Server) -> None:
        server.is_paused = False
        server.loop.run_due()
        self.trouble()

    @has("servers")
    @rule(server=one_of("servers"), state=st.sampled_from(["up", "cut", "deaf", "stutters"]))
    def rewire(self, server: Server, state: worlds.State) -> None:
        server.wire.state = state
        self.trouble()

    # --- people ---

    @has("running")
    @rule(
        server=one_of("running"),
        user=USERS,
        document=DOCUMENTS,
        activity=ACTIVITIES,
        focus=FOCUS,
    )
    def open(self, server: Server, user: str, document: str, activity: str, focus: Any) -> None:
        here = self.world.presence(self._next("tab"), user, document, activity, focus)
        tab = Tab(here, server)
        self.tabs.append(tab)
        self._enter(tab)

    @property
    def reachable(self) -> list[Tab]:
        return [tab for tab in self.tabs if not tab.server.is_paused and not tab.is_gone]

    @has("reachable")
    @rule(tab=one_of("reachable"), activity=ACTIVITIES, focus=FOCUS)
    def say(self, tab: Tab, activity: str, focus: Any) -> None:
        here = tab.presence
        tab.presence = self.world.presence(here.session, here.user, here.name, activity, focus)
        self._enter(tab)

    def _enter(self, tab: Tab) -> None:
        def pulse() -> int:
            return -1 if tab.is_gone else self.world.now // 6_000

        tab.server.do(lambda: tab.server.node.enter(tab.presence, pulse))

    @has("reachable")
    @rule(tab=one_of("reachable"))
    def close(self, tab: Tab) -> None:
        self._leave(tab, 0)

    @has("reachable")
    @rule(tab=one_of("reachable"))
    def lose(self, tab: Tab) -> None:
        self._leave(tab, RECONNECT_GRACE)

    def _leave(self, tab: Tab, grace: int) -> None:
        self.tabs.remove(tab)
        tab.server.do(lambda: tab.server.node.leave(tab.presence, grace))

    @has("tabs")
    @rule(tab=one_of("tabs"))
    def vanish(self, tab: Tab) -> None:
        """The cable is pulled: its server will notice when no ping is answered."""
        tab.is_gone = True

    # --- jobs ---

    @rule(user=USERS, document=DOCUMENTS, activity=ACTIVITIES)
    def work(self, user: str, document: str, activity: str) -> None:
        here = self.world.presence(f"job-{user}", user, document, activity, None)
        self.world.run(presence.enter_call(here, has_hooks=True))
        self.jobs[user, document] = self.world.now

    @has("working")
    @rule(job=one_of("working"))
    def finish(self, job: tuple[str, str]) -> None:
        user, document = job
        del self.jobs[job]
        here = self.world.presence(f"job-{user}", user, document, "viewing", None)
        self.world.run(presence.leave_call(here, has_hooks=True))

    @property
    def working(self) -> list[tuple[str, str]]:
        return list(self.jobs)

    # --- time, and Redis ---

    @rule(ms=st.sampled_from([1, 250, 1_000, 5_000, 9_000, 16_000, 31_000]))
    def wait(self, ms: int) -> None:
        self.world.advance(ms)

    @rule()
    def lose_memory(self) -> None:
        self.world.forget()
        self.jobs.clear()
        self.trouble()

    @rule()
    def remember(self) -> None:
        self.memory = self.world.remember()

    @has("memory")
    @rule()
    def come_back_with_old_data(self) -> None:
        self.world.restore(self.memory)
        self.jobs.clear()
        self.trouble()

    # --- what must be so ---

    @invariant()
    def agrees_with_the_model(self) -> None:
        self.world.check()

    @precondition(
        lambda self: self.world.now >= self.true_again and len(self.well) == len(self.servers) > 0
    )
    @invariant()
    def is_true(self) -> None:
        """Nobody is missing who is here; nobody is shown for long who is not."""

    def teardown(self) -> None:
        self.world.close()


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return a Redis of this module's own, to be emptied at will."""
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server.url
    server.stop()


@pytest.mark.timeout(0)
@pytest.mark.parametrize("limits", [SHORT], ids=["small"])
def test_presence_is_what_its_model_says(
    client: Any, limits: Limits, monkeypatch: pytest.MonkeyPatch
) -> None:
    worlds.rule(monkeypatch, limits)
    machine = type("Life", (Life,), {"client": client, "limits": limits})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=40,
            deadline=None,
            print_blob=True,
            suppress_health_check=list(HealthCheck),
        ),
    )

"""Presence is what its model says, whatever happens: several servers, users with several tabs,
jobs, crashes, pauses, cut wires, wrong clocks, and a Redis that forgets.

Hypothesis thinks up lives of a small world (``tests/model/world.py``): real scripts, real nodes,
time that it rules. After every step all that was published, and what Redis holds, is compared with
the model (``tests/model/presence.py``), change by change; after every trouble it must be true again
within bounds. A failure is printed as the shortest life that fails, with a line that repeats it.

    PP_MODEL_EXAMPLES=2000 python -m pytest tests/test_presence_model.py     a deeper search
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
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

from presence_progress import keys, presence
from presence_progress.settings import (
    PING_INTERVAL,
    PING_TIMEOUT,
    RECONNECT_GRACE,
    SESSION_LEASE,
)
from tests.conftest import RedisServer
from tests.model import world as worlds
from tests.model.presence import Limits
from tests.model.rules import has, may, one_of
from tests.model.world import Server, Tab, Watcher, World

EXAMPLES = int(os.environ.get("PP_MODEL_EXAMPLES", "60"))
# --- milliseconds ---
BOUND = 10_000
"""After the last trouble, by when nobody is missing and no ghost is left."""
SILENCE = (PING_INTERVAL + PING_TIMEOUT) * 1000
"""After which a server misses a tab that has vanished, and the grace that is left then."""
GRACE_AFTER_SILENCE = RECONNECT_GRACE - PING_TIMEOUT * 1000
GHOST_BOUND = 16_000
"""How long somebody may be shown who has vanished: the above, and a second."""

SMALL = Limits(editing=6_000, focus=8_000, left=10_000)
LARGE = replace(SMALL, large_room=2)
"""With more than two viewers a room is large."""
LIFETIME = 120_000
MEMORIES = 6

USERS = st.sampled_from(["ann", "bob", "eve", "kim"])
ROOMS = {"a": "presence:ToDo/a", "b": "presence:ToDo/b", "": keys.ONLINE}
"""Two documents, and the site itself, on which somebody is online."""
DOCUMENTS = st.sampled_from(list(ROOMS))
ACTIVITIES = st.sampled_from(presence.ACTIVITIES)
FOCUS = st.sampled_from([None, "city", "zip"])
TROUBLES = ["kill", "end", "pause", "rewire", "lose memory", "old data", "set the clock"]
LOOK, LEAP = 500, 2_000
"""How exactly the clock of the scripts goes on when Redis's is set; see scripts/_clock.lua."""
SKEWS = st.integers(0, 2 * 10**7)
"""By how much a server's clock is wrong, ms; it counts from some moment before the server began."""


class Life(RuleBasedStateMachine):
    """What may happen to presence."""

    client: Any = None
    limits = SMALL

    def __init__(self) -> None:
        super().__init__()
        self.client.flushdb()
        self.world = World(self.client, "site.localhost", self.limits)
        self.tabs: list[Tab] = []
        self.jobs: dict[tuple[str, str], int] = {}
        """(user, document) → when the job last spoke for itself."""
        self.troubles: set[str] = set()
        self.end_of_life = self.world.now + LIFETIME
        self.memories: list[Any] = []
        """What Redis had in it after each of the last steps."""
        self.watchers = [Watcher(self.world, room) for room in ROOMS.values()]
        self.true_from = 0
        """When what is shown must be true again, after the last trouble."""
        self.last_here: dict[tuple[str, str], int] = {}
        """(user, document) → when he was last there."""
        self._count = 0

    def teardown(self) -> None:
        self.world.close()

    def _next(self, kind: str) -> str:
        self._count += 1
        return f"{kind}{self._count}"

    # --- servers ---

    @property
    def servers(self) -> list[Server]:
        return self.world.servers

    @property
    def running(self) -> list[Server]:
        return [server for server in self.servers if not server.is_paused]

    @property
    def paused(self) -> list[Server]:
        return [server for server in self.servers if server.is_paused]

    @property
    def is_well(self) -> bool:
        """Whether there are servers, and nothing is wrong with any."""
        return bool(self.servers) and all(server.is_well for server in self.servers)

    def _trouble(self) -> None:
        self.true_from = self.world.now + BOUND

    @initialize(skews=st.tuples(SKEWS, SKEWS), troubles=st.sets(st.sampled_from(TROUBLES)))
    def begin(self, skews: tuple[int, int], troubles: set[str]) -> None:
        """Two servers, and what may go wrong in this life."""
        self.troubles = troubles
        for skew in skews:
            self.boot(skew)

    @precondition(lambda self: len(self.servers) < 3)
    @rule(skew=SKEWS)
    def boot(self, skew: int) -> None:
        if not self.servers:
            self._trouble()
        self.servers.append(Server(self.world, self._next("server"), skew))

    @may("kill", "servers")
    @rule(server=one_of("servers"))
    def kill(self, server: Server) -> None:
        self._forget(server)
        server.kill()

    @may("end", "running")
    @rule(server=one_of("running"))
    def end(self, server: Server) -> None:
        self._forget(server)
        server.end()

    def _forget(self, server: Server) -> None:
        self.servers.remove(server)
        self.tabs = [tab for tab in self.tabs if tab.server is not server]
        self._trouble()

    @may("pause", "running")
    @rule(server=one_of("running"))
    def pause(self, server: Server) -> None:
        server.is_paused = True

    @has("paused")
    @rule(server=one_of("paused"))
    def wake(self, server: Server) -> None:
        server.is_paused = False
        server.loop.run_due()
        self._trouble()

    @may("rewire", "servers")
    @rule(server=one_of("servers"), state=st.sampled_from(["up", "cut", "deaf", "stutters"]))
    def rewire(self, server: Server, state: worlds.State) -> None:
        server.wire.state = state
        self._trouble()

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
        return [tab for tab in self.tabs if tab.gone_at is None and not tab.server.is_paused]

    @has("reachable")
    @rule(tab=one_of("reachable"), activity=ACTIVITIES, focus=FOCUS)
    def say(self, tab: Tab, activity: str, focus: Any) -> None:
        here = tab.presence
        tab.presence = self.world.presence(here.session, here.user, here.name, activity, focus)
        self._enter(tab)

    def _enter(self, tab: Tab) -> None:
        def pulse() -> int:
            return (self.world.now if tab.gone_at is None else tab.gone_at) // 6_000

        tab.server.do(lambda: tab.server.node.enter(tab.presence, pulse))

    @has("reachable")
    @rule(tab=one_of("reachable"))
    def close(self, tab: Tab) -> None:
        self._leave(tab, 0)

    @has("reachable")
    @rule(tab=one_of("reachable"))
    def lose(self, tab: Tab) -> None:
        self._leave(tab, RECONNECT_GRACE)

    @has("reachable")
    @rule(tab=one_of("reachable"), user=USERS)
    def make_way(self, tab: Tab, user: str) -> None:
        """One goes, and another comes: as many as before, and not the same."""
        self._leave(tab, 0)
        self.open(tab.server, user, tab.presence.name, "viewing", None)

    def _leave(self, tab: Tab, grace: int) -> None:
        self.tabs.remove(tab)
        tab.server.do(lambda: tab.server.node.leave(tab.presence, grace))

    @has("tabs")
    @rule(tab=one_of("tabs"))
    def vanish(self, tab: Tab) -> None:
        """The cable is pulled, or the page goes while its server stands still."""
        if tab.gone_at is None:
            tab.gone_at = self.world.now

    # --- jobs ---

    @rule(user=USERS, document=DOCUMENTS, activity=ACTIVITIES)
    def work(self, user: str, document: str, activity: str) -> None:
        here = self.world.presence(f"job-{user}", user, document, activity, None)
        self.world.run(presence.enter_call(here, has_hooks=True))
        self.jobs[user, document] = self.world.now

    @property
    def working(self) -> list[tuple[str, str]]:
        return list(self.jobs)

    @has("working")
    @rule(job=one_of("working"))
    def finish(self, job: tuple[str, str]) -> None:
        user, document = job
        del self.jobs[job]
        here = self.world.presence(f"job-{user}", user, document, "viewing", None)
        self.world.run(presence.leave_call(here, has_hooks=True))

    # --- time, and the network ---

    @precondition(lambda self: self.world.now < self.end_of_life)
    @rule(ms=st.sampled_from([1, 300, 1_000, 3_000, 9_000, 12_000]))
    def wait(self, ms: int) -> None:
        until = self.world.now + ms
        while self.world.now < until:
            self.world.advance(min(1_000, until - self.world.now))
            for tab in list(self.tabs):
                if self._is_missed(tab):
                    self._leave(tab, GRACE_AFTER_SILENCE)
            now = self.world.now
            self.jobs = {job: at for job, at in self.jobs.items() if at + SESSION_LEASE > now}

    def _is_missed(self, tab: Tab) -> bool:
        return (
            tab.gone_at is not None
            and not tab.server.is_paused
            and tab.gone_at + SILENCE <= self.world.now
        )

    @rule(watcher=one_of("watchers"), misses=st.integers(1, 3))
    def lose_changes(self, watcher: Watcher, misses: int) -> None:
        watcher.misses = misses

    @rule(watcher=one_of("watchers"))
    def doubt(self, watcher: Watcher) -> None:
        watcher.doubt()

    @may("set the clock")
    @rule(ms=st.sampled_from([-3_600_000, -20_000, -600, 900, 4_000, 12_000, 3_600_000]))
    def set_the_clock(self, ms: int) -> None:
        """Redis's clock is wrong from now on, or right again: nobody comes or goes for it."""
        self.world.step += ms
        self.jobs = {job: at - LEAP for job, at in self.jobs.items()}
        self.last_here = {one: at + LOOK for one, at in self.last_here.items()}

    # --- Redis loses its memory ---

    @may("lose memory")
    @rule()
    def lose_memory(self) -> None:
        self.world.forget()
        for watcher in self.watchers:
            watcher.is_behind = True
        self._lose_jobs()

    @may("old data", "memories")
    @rule(age=st.integers(1, MEMORIES))
    def come_back_with_old_data(self, age: int) -> None:
        """What was written last is lost: a crash of Redis, or its replica takes over."""
        self.memories = self.memories[: max(1, len(self.memories) - age)]
        self.world.restore(self.memories[-1])
        for watcher in self.watchers:
            watcher.doubt()  # the connection was lost
        self._lose_jobs()

    def _lose_jobs(self) -> None:
        self.jobs.clear()
        self._trouble()

    # --- what must be so ---

    @precondition(lambda self: self._count > 6)
    @rule()
    def everybody_goes(self) -> None:
        """Nothing is left over then."""
        for server in self.servers:
            server.is_paused, server.wire.state = False, "up"
            server.loop.run_due()
        if not self.servers:
            self.boot(0)
        for tab in list(self.tabs):
            self._leave(tab, 0)
        for job in self.working:
            self.finish(job)
        self.wait(BOUND + self.limits.left + 1_000)
        self.world.check_nothing_is_left()
        self.true_from = self.world.now

    @invariant()
    def agrees_with_the_model(self) -> None:
        self.world.check()
        for watcher in self.watchers:
            for change in self.world.changes:
                if change.room == watcher.room:
                    watcher.receive(change)
            watcher.check()
        if "old data" in self.troubles:
            self.memories = [*self.memories, self.world.remember()][-MEMORIES:]

    @invariant()
    def is_true(self) -> None:
        """Nobody is missing who is here, and nobody is shown for long who is not."""
        here = {(tab.presence.user, tab.presence.name) for tab in self.tabs if tab.gone_at is None}
        here |= self.jobs.keys()
        now = self.world.now
        self.last_here.update(dict.fromkeys(here, now))
        if now < self.true_from or not self.is_well:
            return
        if self.world.is_large:
            # What is gathered is shown soon.
            self.wait(1_000)
            self.world.check_large()
            self.agrees_with_the_model()
            return
        shown = {
            (user, document)
            for document, room in ROOMS.items()
            for user in self.world.viewers(room)
        }
        assert here <= shown, f"missing: {here - shown}"
        ghosts = {one for one in shown if now - self.last_here.get(one, 0) > GHOST_BOUND}
        assert not ghosts, f"ghosts: {ghosts}"


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return a Redis of this module's own, to be emptied at will."""
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        yield server.url


@pytest.mark.timeout(0)
@pytest.mark.parametrize("limits", [SMALL, LARGE], ids=["small", "large"])
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
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_whoever_has_made_way_does_not_come_back_with_old_data(
    client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One goes and another comes, and Redis loses both: as many as before, and not the same."""
    worlds.rule(monkeypatch, SMALL)
    life = type("Life", (Life,), {"client": client})()
    try:
        life.begin(skews=(0, 0), troubles={"old data"})
        life.open(life.servers[0], "ann", "a", "viewing", None)
        life.agrees_with_the_model()
        life.make_way(life.tabs[0], "bob")
        life.agrees_with_the_model()
        life.come_back_with_old_data(1)
        life.wait(12_000)
        life.agrees_with_the_model()
        life.is_true()
    finally:
        life.teardown()

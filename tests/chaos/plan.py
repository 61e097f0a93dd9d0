"""What will be done in a run, drawn from its seed before it begins."""

from __future__ import annotations

import random
from dataclasses import dataclass

SERVERS = 3
WORKERS = 4
DOCUMENTS = 12

KINDS = (
    "stop server",
    "kill server",
    "deploy server",
    "redis pause",
    "redis restart",
    "slow watchers",
    "redis loss",
)
"""What is broken. The first run through has each kind once, in this order."""
OLDER_KIND = "redis older"
"""Only when asked for: Redis comes back with the state of a few seconds ago, as from its last dump,
in the epochs of before. Not all of it is found out then."""
ALL_KINDS = (*KINDS, OLDER_KIND)

_SECONDS = {
    "kill server": (0.0, 3.0),
    "stop server": (5.0, 30.0),
    "redis pause": (1.0, 4.0),
    "redis restart": (0.2, 2.0),
    "redis loss": (0.2, 2.0),
    OLDER_KIND: (0.2, 2.0),
    "slow watchers": (3.0, 4.0),
}
"""From and to: how long a part is away."""

ACTIONS = {
    "enter": 30,
    "move": 25,
    "activity": 15,
    "leave": 12,
    "reload": 8,
    "switch": 8,
    "goodbye": 6,
    "abort": 5,
    "vanish": 2,
    "freeze": 2,
    "noise": 4,
}
"""What tabs do, and how often in comparison."""

ASKS = {
    "enqueue": 50,
    "cancel": 10,
    "retry": 14,
    "kill horse": 8,
    "kill all": 8,
    "kill worker": 2,
    "freeze": 4,
    "reconnect": 8,
}
"""What happens to tasks, and how often in comparison."""
DOES = ("plain", "plain", "rows", "stages", "fails", "locks", "fans out")
"""What a job does; see ``jobs.py``."""

OLDER = 3.0
"""Seconds by which Redis goes back when it comes back with an older state."""


@dataclass(frozen=True)
class Fault:
    """``kind`` at ``at`` seconds, for ``seconds``; ``server`` is for those that hit one."""

    at: float
    kind: str
    seconds: float
    server: int

    def __str__(self) -> str:
        where = f" {self.server}" if "server" in self.kind else ""
        return f"{self.at:6.1f} s  {self.kind}{where}" + (
            f" for {self.seconds:.1f} s" if self.seconds else ""
        )


@dataclass(frozen=True)
class Action:
    """What a tab does; it takes of these what fits its situation."""

    at: float
    tab: int
    kind: str
    document: int
    server: int
    activity: str
    seconds: float


@dataclass(frozen=True)
class Ask:
    """Something is done to a task, or to who makes or watches it; ``pick``, from 0 to 1, is which
    of those that there are."""

    at: float
    kind: str
    pick: float
    does: str
    steps: int
    seconds: float
    """A job's pause between two steps; otherwise how long it lasts."""


@dataclass(frozen=True)
class Plan:
    """All of a run; the same arguments draw the same one."""

    seed: int
    seconds: float
    clients: int
    faults: list[Fault]
    actions: list[Action]
    asks: list[Ask]


def draw(seed: int, seconds: float, clients: int, kinds: tuple[str, ...] = KINDS) -> Plan:
    """Draw a plan: each kind of fault in turn, then at random, for as long as there is time."""
    dice = random.Random(seed)
    return Plan(
        seed,
        seconds,
        clients,
        _faults(dice, seconds, kinds),
        _actions(dice, seconds, clients),
        _asks(random.Random(f"{seed} tasks"), seconds, bool(kinds)),
    )


def _faults(dice: random.Random, seconds: float, kinds: tuple[str, ...]) -> list[Fault]:
    faults: list[Fault] = []
    # In a short run they follow each other closely; in a long one each is given time to heal.
    is_short = seconds < 120
    at, turn = 3.0, 0
    while kinds:
        kind = kinds[turn] if turn < len(kinds) else dice.choice(kinds)
        first, last = _SECONDS.get(kind, (0.0, 0.0))
        if is_short and kind == "stop server":
            # Long enough for its lease to run out, and not longer.
            first, last = 11.0, 12.0
        lasts = round(dice.uniform(first, last), 1)
        pause = dice.uniform(1.0, 3.0) if is_short else dice.uniform(2.0, 18.0)
        if at + lasts > seconds - 1:
            break
        faults.append(Fault(round(at, 1), kind, lasts, dice.randrange(SERVERS)))
        at += lasts + pause + (OLDER if kind == OLDER_KIND else 0)
        turn += 1
    return faults


def _actions(dice: random.Random, seconds: float, clients: int) -> list[Action]:
    per_second = max(5.0, clients / 10)
    actions: list[Action] = []
    at = 0.0
    while (at := at + dice.expovariate(per_second)) < seconds:
        [kind] = dice.choices([*ACTIONS], [*ACTIONS.values()])
        frozen = dice.choice((dice.uniform(1, 3.5), dice.uniform(13, 16)))
        actions.append(
            Action(
                round(at, 3),
                dice.randrange(clients),
                kind,
                _document(dice),
                dice.randrange(SERVERS),
                dice.choice(("viewing", "viewing", "editing", "idle")),
                frozen if kind == "freeze" else dice.uniform(0.1, 4.0),
            )
        )
    return actions


def _asks(dice: random.Random, seconds: float, is_struck: bool) -> list[Ask]:
    kinds = {
        kind: weight
        for kind, weight in ASKS.items()
        if is_struck or not kind.startswith(("kill", "freeze"))
    }
    asks: list[Ask] = []
    at = 2.0
    while (at := at + dice.expovariate(2.0)) < seconds:
        [kind] = dice.choices([*kinds], [*kinds.values()])
        lasts = {
            "enqueue": dice.uniform(0.02, 0.3),
            "freeze": dice.choice((4.0, 15.0)),
        }.get(kind, dice.uniform(0.1, 3.0))
        asks.append(
            Ask(
                round(at, 3),
                kind,
                dice.random(),
                dice.choice(DOES),
                dice.randrange(1, 25),
                round(lasts, 3),
            )
        )
    return asks


def _document(dice: random.Random) -> int:
    # A few are crowded, most are not.
    return min(int(dice.expovariate(0.4)), DOCUMENTS - 1)

"""Under attack: what fifty other people notice of one who attacks, on our server and on Node's.

Each attack is a job of its own on a fresh server. One of the others says ``ping`` fifty times a
second, whether or not the last one has been answered; once a second somebody new signs in. Both are
timed from here, in a process that does next to nothing else.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from benchmarks.realtime.attack import ATTACKS, Attack
from benchmarks.realtime.clients import PING, Client, Failure, event, packet
from benchmarks.realtime.jobs import Found, Job, Load, Measure
from benchmarks.realtime.report import Results, number
from benchmarks.realtime.servers import NODE, OURS, ROOT

FAMILY = "abuse"
SECONDS = 5.0
"""How long an attack lasts."""
OTHERS = 50
PING_EVERY = 0.02
SIGN_IN_EVERY = 1.0
PATIENCE = 30.0
"""Seconds after an attack in which everybody must have got an answer."""
GOAL = 1.5
"""How many times as long as on Node's another user may wait."""
PING_FLOOR, SIGN_IN_FLOOR = 10.0, 300.0
"""Milliseconds below which a wait counts as so many: nobody notices less, and where two cores have
three processes to run, the longest of a few are the scheduler's."""
FLAT = 20.0
"""MB that memory may have grown by once an attack is over: what a heap keeps for the next one."""
WARM_UP, SETTLING = 0.5, 1.0
"""Seconds before an attack, and after it until memory is looked at."""
_NUMBER = "query:ToDo/{}"


class _Others:
    """Everybody but the attacker, and how long they wait."""

    def __init__(self, load: Load) -> None:
        self.round_trips: list[float] = []
        self.sign_ins: list[float] = []
        self.numbers: list[float] = []
        """Milliseconds each, as all of these."""
        self._load = load
        self._crowd = load.crowd
        self._crowd.connect(OTHERS - 1)
        self._pinger = self._crowd.connect(1)[0]
        self._crowd.on_event = self._hear
        self._asked: deque[float] = deque()
        self._arriving: dict[Client, float] = {}
        self._is_watching = False
        self._changed_at = 0.0
        self._arrivals = 0

    def live(self, attack: subprocess.Popen[bytes] | None, seconds: float) -> None:
        """Ping and sign in until the attack is over, at most for so long."""
        begun = now = time.monotonic()
        next_ping, next_arrival = begun, begun + SIGN_IN_EVERY
        while now < begun + seconds and (attack is None or attack.poll() is None):
            if now >= next_ping:
                next_ping += PING_EVERY
                self._asked.append(time.monotonic())
                self._crowd.say(self._pinger, PING)
            if now >= next_arrival:
                next_arrival += SIGN_IN_EVERY
                self._sign_in()
                self._change()
            self._turn(min(next_ping, next_arrival) - time.monotonic())
            now = time.monotonic()

    def wait(self) -> None:
        """Wait until everybody has got an answer."""
        deadline = time.monotonic() + PATIENCE
        while self._asked or self._arriving or self._changed_at:
            self._turn(0.1)
            if time.monotonic() > deadline:
                raise Failure(f"others wait for more than {PATIENCE:.0f} s")

    def forget(self) -> None:
        """Forget how long they have waited so far."""
        for waits in (self.round_trips, self.sign_ins, self.numbers):
            waits.clear()

    def watch_a_number(self) -> None:
        """From now on, change what a live query of one of them counts, and time its number."""
        self._crowd.say(self._pinger, packet("room_watch", _NUMBER))
        self._crowd.listen_until(lambda: self._is_watching, "a number")

    def _turn(self, seconds: float) -> None:
        self._crowd.turn(max(0.0, seconds))
        if self._crowd.lost:
            raise Failure(f"{self._crowd.lost} of the others were cut off")
        for client in [client for client in self._arriving if client.is_connected]:
            self.sign_ins.append((time.monotonic() - self._arriving.pop(client)) * 1e3)

    def _sign_in(self) -> None:
        self._arrivals += 1
        begun = time.monotonic()
        self._arriving[self._crowd.begin(f"{100 + self._arrivals}.1")] = begun

    def _change(self) -> None:
        if self._is_watching and not self._changed_at:
            self._changed_at = time.monotonic()
            self._load.publisher.publish(event("doctype:ToDo", {}, name="list_update"))

    def _hear(self, client: Client, text: bytes) -> None:
        if client is self._pinger and text.endswith(b',["pong"]'):
            self.round_trips.append((time.monotonic() - self._asked.popleft()) * 1e3)
        elif b'"value":' in text:
            self._is_watching = True
            # The site answers with the time at which it has counted.
            counted_at = int(text.partition(b'"value":')[2].partition(b"}")[0]) / 1e3
            if self._changed_at and counted_at > self._changed_at:
                self.numbers.append((time.monotonic() - self._changed_at) * 1e3)
                self._changed_at = 0.0


def _run(attack: Attack, load: Load) -> Found:
    if attack.is_ours_alone and not load.is_ours:
        return {}
    others = _Others(load)
    others.live(None, WARM_UP)
    if attack.is_ours_alone:
        others.watch_a_number()
    others.wait()
    others.forget()
    load.server.settle()
    load.server.forget_peak()
    memory = load.server.memory()
    with _attacker(attack, load.server.port) as attacker:
        others.live(attacker, SECONDS + PATIENCE)
        if attacker.poll() != 0:
            raise Failure("the attacker has failed")
    others.wait()
    load.crowd.listen(SETTLING)
    found = {
        "median": statistics.median(others.round_trips),
        "p99": statistics.quantiles(others.round_trips, n=100)[98],
        "worst": max(others.round_trips),
        "sign-in": max(others.sign_ins),
        "growth": (load.server.memory() - memory) / 1e6,
        "peak": (load.server.peak() - memory) / 1e6,
    }
    if others.numbers:
        found["number"] = max(others.numbers)
    return {_key(attack, what): value for what, value in found.items()}


@contextmanager
def _attacker(attack: Attack, port: int) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "benchmarks.realtime.attack", attack.name]
    command += [f"http://127.0.0.1:{port}", "--seconds", str(SECONDS)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _key(attack: Attack, what: str) -> str:
    return f"{attack.name} {what}"


_NUMBER_ROW = Measure(
    "queries number", "1,000 live queries of one user: another's number", "ms", "plain", 2_500.0
)
JOBS = tuple(
    Job(f"{FAMILY}-{attack.name}", partial(_run, attack), (_NUMBER_ROW,) * attack.is_ours_alone)
    for attack in ATTACKS.values()
)

# --- the table ------------------------------------------------------------------------------------

_COLUMNS = (
    ("median", "ping: median"),
    ("p99", "99 %"),
    ("worst", "worst"),
    ("sign-in", "sign-in"),
    ("growth", "memory: after"),
    ("peak", "peak"),
)
_SERVERS = ((OURS, 10), (NODE, 8))


def table(found: Results) -> list[str]:
    """Return the lines that show what others notice of each attack that was made."""
    made = [attack for attack in ATTACKS.values() if _key(attack, "p99") in found]
    if not made:
        return []
    width = sum(width for _, width in _SERVERS)
    above = "".join(f"{title:>{width}}" for _, title in _COLUMNS)
    names = "".join(f"{name:>{width}}" for name, width in _SERVERS) * len(_COLUMNS)
    return [
        "",
        "What others notice of an attack: ms until a ping is answered and to sign in, MB of memory",
        f"{'ratio':>7}  {'goal':<8}{'':49}{above}",
        f"{'':66}{names}  missed by",
        *(_line(attack, found) for attack in made),
        "",
        f"Ratio: of the 99 % ping, ours divided by Node's; under {PING_FLOOR:g} ms counts as that.",
        f"Sign-in: the longest; the same goal, under {SIGN_IN_FLOOR:g} ms counts as that.",
        f"Memory: above what it was before; ours at most {FLAT:g} MB once the attack is over.",
    ]


def _line(attack: Attack, found: Results) -> str:
    values = {
        (what, name): statistics.median(some)
        for what, _ in _COLUMNS
        for name, _ in _SERVERS
        if (some := found.get(_key(attack, what), {}).get(name))
    }
    columns = "".join(
        f"{number(values.get((what, name))):>{width}}"
        for what, _ in _COLUMNS
        for name, width in _SERVERS
    )

    def ratio(what: str, floor: float) -> float | None:
        ours, node = values.get((what, OURS)), values.get((what, NODE))
        return max(ours, floor) / max(node, floor) if ours and node else None

    ping, sign_in = ratio("p99", PING_FLOOR), ratio("sign-in", SIGN_IN_FLOOR)
    missed = [
        *(["ping"] if ping and ping > GOAL else []),
        *(["sign-in"] if sign_in and sign_in > GOAL else []),
        *(["memory"] if values.get(("growth", OURS), 0) > FLAT else []),
        *(["all"] if ("p99", OURS) not in values else []),
    ]
    shown = f"{ping:.2f} x" if ping else ""
    title = f"{'missed' if missed else 'met':<7}{attack.title:<42}"
    return f"{shown:>7}  {f'≤ {GOAL:g}':<8}{title}{columns}  {', '.join(missed)}".rstrip()

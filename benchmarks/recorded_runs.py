"""Real work, of four kinds, and how far it was when: what benchmarks.eta replays.

Each kind of run is there more than once, so that an estimate has to be good at the kind and not at
one job. A recording is a JSON file: what was done, how many steps it had, ``[seconds, done]`` ten
times a second, and how many seconds a step took in an earlier, smaller run of the same work. The
seconds are those of the processor: what else the machine had to do meanwhile is not in them, or a
steady run would be one of a quiet machine only.
"""

from __future__ import annotations

import bz2
import difflib
import hashlib
import json
import lzma
import random
import sqlite3
import sysconfig
import tempfile
import threading
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from html import escape
from pathlib import Path
from string import Template
from typing import TypeVar

from presence_progress.estimate import remembered

FOLDER = Path(__file__).with_name("recordings")
INTERVAL = 0.1
"""Seconds between two samples: tqdm's own mininterval, and half of what our reporter takes."""
EARLIER = 0.25
"""The part of the work that was done before as the earlier run: no two runs have the same size."""

T = TypeVar("T")
Steps = tuple[int, Iterator[int]]
"""How many steps there are, and the work: yields how many more are done."""


@dataclass(frozen=True, eq=False)
class Run:
    """One recorded run."""

    name: str
    kind: str
    total: int
    samples: list[tuple[float, int]]
    earlier: float | None
    """Seconds a step in earlier runs, as :func:`remembered` has them."""

    @property
    def seconds(self) -> float:
        return self.samples[-1][0]


# --- steady -------------------------------------------------------------------------------------


def hash_blocks(share: float) -> Steps:
    block = random.Random(1).randbytes(1_000_000)
    count = int(20_000 * share)
    return count, (1 for _ in range(count) if hashlib.sha256(block).digest())


def validate_rows(share: float) -> Steps:
    rows = [json.dumps({"name": f"ITEM-{n}", "qty": n % 97, "rate": n / 7}) for n in range(5_000)]
    count = int(5_000_000 * share)

    def work() -> Iterator[int]:
        for n in range(count):
            row = json.loads(rows[n % len(rows)])
            if row["qty"] * row["rate"] < 0:
                raise ValueError(row)
            yield 1

    return count, work()


def render_pages(share: float) -> Steps:
    """Text from a template, escaped and packed."""
    template = Template("<tr><td>$name<td>$quantity<td>$text</tr>\n" * 20)
    count = int(130_000 * share)

    def work() -> Iterator[int]:
        for n in range(count):
            text = escape(template.substitute(name=f"<{n}>", quantity=n % 97, text="&" * 50))
            zlib.compress(text.encode(), 1)
            yield 1

    return count, work()


# --- slowing ------------------------------------------------------------------------------------


def insert_indexed(share: float) -> Steps:
    """Random keys into five indexes that outgrow the cache."""
    count = int(350_000 * share)

    def work() -> Iterator[int]:
        some = random.Random(2)
        with tempfile.TemporaryDirectory() as folder, closing(_database(folder)) as database:
            database.execute("PRAGMA cache_size = -2000")
            database.execute("CREATE TABLE entry (a, b, c, d, e)")
            for column in "abcde":
                database.execute(f"CREATE INDEX by_{column} ON entry ({column})")
            for n in range(count):
                row = [some.randbytes(16).hex() for _ in range(5)]
                database.execute("INSERT INTO entry VALUES (?, ?, ?, ?, ?)", row)
                if n % 20_000 == 0:
                    database.commit()
                yield 1

    return count, work()


def find_duplicates(share: float) -> Steps:
    """Each new name is compared with all that are there."""
    count = int(2_800 * share)

    def work() -> Iterator[int]:
        some = random.Random(3)
        known: list[str] = []
        matcher = difflib.SequenceMatcher()
        for _ in range(count):
            name = "".join(some.choices("abcdefgh ", k=24))
            matcher.set_seq2(name)
            for other in known:
                matcher.set_seq1(other)
                matcher.real_quick_ratio() > 0.9 and matcher.quick_ratio() > 0.9
            known.append(name)
            yield 1

    return count, work()


def sum_up_growing(share: float) -> Steps:
    """Each batch of entries is followed by a sum over all that there are."""
    count = int(1_000 * share)

    def work() -> Iterator[int]:
        some = random.Random(6)
        with tempfile.TemporaryDirectory() as folder, closing(_database(folder)) as database:
            database.execute("CREATE TABLE entry (account, amount)")
            for _ in range(count):
                rows = [(some.randrange(100), some.random()) for _ in range(150)]
                database.executemany("INSERT INTO entry VALUES (?, ?)", rows)
                database.execute("SELECT account, sum(amount) FROM entry GROUP BY 1").fetchall()
                yield 1

    return count, work()


# --- bursty -------------------------------------------------------------------------------------


def compress_files(share: float) -> Steps:
    """Files of all sizes, folder by folder, twice over."""
    files = _part(list(_library()) * 2, share)
    preset = 6 | lzma.PRESET_EXTREME
    return len(files), (1 for file in files if lzma.compress(file.read_bytes(), preset=preset))


def compile_files(share: float) -> Steps:
    """The same files for a compiler, more often."""
    files = _part([file.read_bytes() for file in _library()] * 10, share)
    return len(files), (1 for data in files if compile(data, "file", "exec", dont_inherit=True))


def insert_in_batches(share: float) -> Steps:
    """A batch counts when it is committed, and is as large as what came in."""
    count = int(3_000_000 * share)

    def work() -> Iterator[int]:
        some = random.Random(4)
        with tempfile.TemporaryDirectory() as folder, closing(_database(folder)) as database:
            database.execute("CREATE TABLE entry (name PRIMARY KEY, value)")
            left = count
            while left:
                size = min(left, int(some.lognormvariate(0, 1) * 15_000))
                rows = [(some.randbytes(8).hex(), n) for n in range(size)]
                with database:
                    database.executemany("INSERT OR REPLACE INTO entry VALUES (?, ?)", rows)
                left -= size
                yield size

    return count, work()


def sort_chunks(share: float) -> Steps:
    """Two dozen chunks of very different sizes: the steps are few, and each takes long."""
    some = random.Random(5)
    sizes = [int(some.lognormvariate(0, 0.7) * 1_100_000) for _ in range(int(24 * share))]

    def work() -> Iterator[int]:
        for size in sizes:
            sorted(some.random() for _ in range(size))
            yield 1

    return len(sizes), work()


# --- two-speed ----------------------------------------------------------------------------------


def skip_then_insert(share: float) -> Steps:
    """An import that is run again: two thirds of its rows are there already."""
    count = int(100_000 * share)

    def work() -> Iterator[int]:
        with tempfile.TemporaryDirectory() as folder, closing(_database(folder)) as database:
            database.execute("CREATE TABLE user (name PRIMARY KEY, password)")
            there = [(f"user{n}", "") for n in range(count * 2 // 3)]
            database.executemany("INSERT INTO user VALUES (?, ?)", there)
            database.commit()
            for n in range(count):
                look = "SELECT 1 FROM user WHERE name = ?"
                if not database.execute(look, (f"user{n}",)).fetchone():
                    secret = hashlib.pbkdf2_hmac("sha256", b"secret", b"salt", 1_200)
                    database.execute("INSERT INTO user VALUES (?, ?)", (f"user{n}", secret))
                yield 1

    return count, work()


def slow_then_fast(share: float) -> Steps:
    """Thumbnails, say: the first third has to be made, the rest is in the cache."""
    count = int(20_000 * share)

    def work() -> Iterator[int]:
        blocks = [random.Random(n).randbytes(3_000) * 3 for n in range(count // 3)]
        made = {}
        for n in range(count):
            block = blocks[n % len(blocks)]
            key = hashlib.md5(block).digest()
            if key not in made:
                made[key] = bz2.compress(block)
            bz2.decompress(made[key])
            yield 1

    return count, work()


def pack_then_verify(share: float) -> Steps:
    """Two stages under one count: every file is packed, then every one is read back."""
    files = _part([file.read_bytes() for file in _library()], share)

    def work() -> Iterator[int]:
        packed = []
        for data in files:
            packed.append(zlib.compress(data * 8, 9))
            yield 1
        for data in packed:
            for _ in range(40):
                zlib.decompress(data)
            yield 1

    return 2 * len(files), work()


def read_then_write(share: float) -> Steps:
    """Rows are read and checked, then written one by one into tables with an index."""
    count = int(300_000 * share)

    def work() -> Iterator[int]:
        some = random.Random(7)
        rows = []
        for n in range(count // 2):
            text = json.dumps({"name": some.randbytes(16).hex(), "number": n})
            rows.append(json.loads(text))
            yield 1
        with tempfile.TemporaryDirectory() as folder, closing(_database(folder)) as database:
            database.execute("CREATE TABLE entry (name PRIMARY KEY, number, digest UNIQUE)")
            for row in rows:
                digest = hashlib.pbkdf2_hmac("sha256", row["name"].encode(), b"salt", 150).hex()
                written = row["name"], row["number"], digest
                database.execute("INSERT INTO entry VALUES (?, ?, ?)", written)
                yield 1

    return count, work()


WORK: dict[str, list[Callable[[float], Steps]]] = {
    "steady": [hash_blocks, validate_rows, render_pages],
    "slowing": [insert_indexed, find_duplicates, sum_up_growing],
    "bursty": [compress_files, insert_in_batches, sort_chunks, compile_files],
    "two-speed": [skip_then_insert, slow_then_fast, pack_then_verify, read_then_write],
}


# --- recording ----------------------------------------------------------------------------------


def record(folder: Path = FOLDER) -> None:
    """Do all the work, a quarter of it first as the earlier run, and write down how it went."""
    folder.mkdir(exist_ok=True)
    for kind, works in WORK.items():
        for work in works:
            total, samples = _watch(work, EARLIER)
            earlier = remembered(None, samples[-1][0], total)
            total, samples = _watch(work, 1)
            name = work.__name__
            print(f"  {kind:<10} {name:<18} {samples[-1][0]:6.1f} s", flush=True)
            known = {"name": name, "kind": kind, "total": total, "earlier": earlier}
            text = json.dumps({**known, "samples": samples}, separators=(",", ":"))
            (folder / f"{name}.json").write_text(text + "\n")


def recorded(folder: Path = FOLDER) -> Iterable[Run]:
    """Return the runs that were recorded, kind by kind."""
    runs = [Run(**json.loads(file.read_text())) for file in sorted(folder.glob("*.json"))]
    return sorted(runs, key=lambda run: list(WORK).index(run.kind))


def _watch(work: Callable[[float], Steps], share: float) -> tuple[int, list[tuple[float, int]]]:
    total, steps = work(share)
    done, ended = 0, threading.Event()
    begun = time.process_time()
    samples = [(0.0, 0)]

    def look() -> None:
        while not ended.wait(INTERVAL / 5):
            now = time.process_time() - begun
            if now - samples[-1][0] >= INTERVAL:
                samples.append((round(now, 3), done))

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        for more in steps:
            done += more
    finally:
        ended.set()
        watcher.join()
    samples.append((round(time.process_time() - begun, 3), done))
    if done != total:
        raise RuntimeError(f"{work.__name__} has done {done} of {total}")
    return total, samples


def _part(whole: list[T], share: float) -> list[T]:
    return whole[: int(len(whole) * share)]


def _database(folder: str) -> sqlite3.Connection:
    return sqlite3.connect(Path(folder) / "work.sqlite")


def _library() -> Iterator[Path]:
    """Python's own library, in the order of its folders."""
    for file in sorted(Path(sysconfig.get_path("stdlib")).rglob("*.py")):
        # The tests have files that are no Python.
        if not {"site-packages", "test", "tests"} & set(file.parts):
            yield file

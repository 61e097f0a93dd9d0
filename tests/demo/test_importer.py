"""The importer over every kind of file that a person may have, and over the real airports."""

from __future__ import annotations

import csv
import sqlite3
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from presence_progress import progress
from presence_progress.demo import airports, database
from presence_progress.demo.actions import bundled_airports
from presence_progress.demo.config import Config
from presence_progress.demo.csvfile import UnreadableFile
from presence_progress.demo.importer import import_airports

from .conftest import total_told

HEADER = "icao,iata,name,city,subd,country,elevation,lat,lon,tz,lid"
ROW = "{},,{} Field,Springfield,Ohio,US,10,1.5,2.5,America/Chicago,"


# Every release of airportsdata has a few more.
with bundled_airports().open(encoding="utf-8", newline="") as _file:
    AIRPORTS = sum(1 for _ in csv.DictReader(_file))


def row(code: str) -> str:
    return ROW.format(code, code)


Import = Callable[..., progress.Task]


@pytest.fixture
def imported(config: Config, site: str, tmp_path: Path) -> Import:
    """Import bytes or a text as a file, and return the task as it was at the end."""

    def imported(content: bytes | str, pace: float = 0) -> progress.Task:
        path = tmp_path / "upload.csv"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        is_kept = True
        try:
            with progress.Task("Import") as task:
                import_airports(str(path), str(config.database), pace, delete_file=True)
            is_kept = False
        except UnreadableFile:
            is_kept = False
            raise
        finally:
            assert path.exists() == is_kept, "an upload is kept for as long as it can be imported"
        return task

    return imported


@pytest.fixture
def stored(config: Config) -> Callable[[], dict[str, dict[str, Any]]]:
    """Return all airports of the database by their codes."""

    def stored() -> dict[str, dict[str, Any]]:
        with database.connect(config.database) as db:
            return {row["name"]: dict(row) for row in db.execute("SELECT * FROM airport")}

    return stored


def outcome(task: progress.Task) -> tuple[int, int, int]:
    record = task._record
    return record.ok, record.warnings, record.errors


def messages(task: progress.Task) -> list[tuple[int | None, str]]:
    kept = task._record.messages
    return [(message["row"], message["message"]) for message in [*kept.first, *kept.last]]


def test_the_real_airports_are_imported_to_the_last(config: Config, site: str, stored: Any) -> None:
    with progress.Task("Import") as task:
        import_airports(str(bundled_airports()), str(config.database))
    assert task.done == task.total == sum(outcome(task)) == AIRPORTS > 28_000
    _, warnings, errors = outcome(task)
    assert errors == 0 and 0 < warnings < 30
    assert bundled_airports().exists()
    everything = stored()
    assert len(everything) == total_told() == AIRPORTS
    berlin = everything["EDDB"]
    assert (berlin["iata"], berlin["country"]) == ("BER", "DE")
    assert berlin["modified_by"] == "Administrator"


@pytest.mark.parametrize(
    "content",
    [
        pytest.param("\ufeff" + HEADER + "\n" + row("AAAA") + "\n", id="BOM"),
        pytest.param((HEADER + "\r\n" + row("AAAA")).encode("utf-16"), id="UTF-16"),
        pytest.param(HEADER + "\r\n" + row("AAAA") + "\r\n", id="CRLF"),
        pytest.param(HEADER + "\r" + row("AAAA") + "\r", id="CR"),
        pytest.param((HEADER + "\n" + row("AAAA")).replace(",", ";"), id="semicolons"),
        pytest.param((HEADER + "\n" + row("AAAA")).replace(",", "\t"), id="tabs"),
        pytest.param("\n\n" + HEADER.upper() + "\n\n" + row("AAAA") + "\n,,,,\n", id="blank lines"),
        pytest.param(
            '"ICAO Code","Airport Name","LATITUDE","Longitude",Elevation_ft,iso_country\n'
            'AAAA,AAAA Field,1.5,"2,5",10,US',
            id="synonyms",
        ),
        pytest.param(
            "id,ident,name,latitude_deg,longitude_deg,elevation_ft,iso_country,icao_code\n"
            "1,AAAA,AAAA Field,1.5,2.5,10,US,\n",
            id="OurAirports",
        ),
    ],
)
def test_a_good_file_is_read_whoever_wrote_it(
    imported: Import, stored: Any, content: bytes | str
) -> None:
    task = imported(content)
    assert outcome(task) == (1, 0, 0) and task.done == task.total == 1
    airport = stored()["AAAA"]
    assert airport["airport_name"] == "AAAA Field" and airport["country"] == "US"
    assert (airport["latitude"], airport["longitude"], airport["elevation"]) == (1.5, 2.5, 10)


@pytest.mark.parametrize(
    ("encoding", "name", "told"),
    [("cp1252", "Zürich “Kloten” €", "Windows-1252"), ("latin-1", "Zürich\x81", "Latin-1")],
)
def test_another_encoding_is_read_and_told(
    imported: Import, stored: Any, encoding: str, name: str, told: str
) -> None:
    printable = name.replace("\x81", "")
    content = f"{HEADER}\n{row('LSZH')}\n{row('LSZB').replace('Springfield', name)}".encode(
        encoding
    )
    task = imported(content)
    assert messages(task)[0] == (None, f"The file is not UTF-8; it was read as {told}.")
    if printable == name:
        assert stored()["LSZB"]["city"] == name
    else:
        assert messages(task)[1] == (3, "city holds control characters")


def test_a_broken_byte_late_in_a_large_file_is_found(imported: Import, stored: Any) -> None:
    rows = "\n".join(row(f"A{number:05}") for number in range(5_000))
    task = imported(
        f"{HEADER}\n{rows}\n".encode() + row("ZZZZ").replace("Springfield", "Zü").encode("cp1252")
    )
    assert task.done == 5_001 and stored()["ZZZZ"]["city"] == "Zü"


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", "is empty"),
        (b" \n\r\n\t\n", "is empty"),
        (b"\xef\xbb\xbf", "is empty"),
        (HEADER.encode(), "no rows"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "a picture"),
        (b"PK\x03\x04" + b"xl/workbook", "Excel workbook"),
        (b"%PDF-1.7\n", "a PDF"),
        (b"icao,name\0\0\0,lat,lon\n", "binary"),
        (b"\xff\xfe\x00\xd8\x00", "no text"),
        (row("AAAA").encode(), "is no header"),
        (b"just some words\nand more\n", "is no header"),
        (b"icao,name,lat\nAAAA,x,1\n", "lacks longitude"),
        (b"name,city\nx,y\n", "lacks code, latitude and longitude"),
        (b'"' + b"x" * 200_000, "cannot be read"),
    ],
)
def test_what_is_no_file_of_airports_fails_with_one_sentence(
    imported: Import, stored: Any, content: bytes, found: str
) -> None:
    with pytest.raises(UnreadableFile) as failure:
        imported(content)
    sentence = str(failure.value)
    assert found in sentence and sentence.endswith(".") and "\n" not in sentence
    assert sentence.isprintable() and len(sentence) <= 300
    assert stored() == {}


def test_every_bad_row_is_told_with_its_row_and_reason(imported: Import, stored: Any) -> None:
    lines = [
        HEADER,
        row("AAAA"),
        ',,"No code",,,US,1,1,1,,',
        "BBBB,,,,,US,1,1,1,,",
        'CCCC,,"A name\nof two lines",,,US,1,1,1,,',
        row("AAAA"),
        "",
        "DDDD,,North,,,US,1,90.5,1,,",
        "EEEE,,East,,,US,1,1,180.5,,",
        "FFFF,,Words,,,US,1,north,nan,,",
        "GGGG,,Short",
        f"HHHH,,{'x' * 141},,,US,1,1,1,,",
        f'IIII,,"{"x" * 140_000}",,,US,1,1,1,,',
        row("JJJJ"),
    ]
    task = imported("\n".join(lines))
    assert messages(task) == [
        (3, "code is missing"),
        (4, "name is missing"),
        (6, "duplicate code AAAA, first seen in row 2"),
        (8, "latitude 90.5 is outside ±90"),
        (9, "longitude 180.5 is outside ±180"),
        (10, "latitude 'north' is not a number; longitude 'nan' is not a number"),
        (11, "latitude is missing; longitude is missing"),
        (12, "name is 141 characters long, 140 at most"),
        (13, "cannot be read as CSV: field larger than field limit (131072)"),
    ]
    assert outcome(task) == (3, 0, 9) and task.done == task.total == 12
    assert list(stored()) == ["AAAA", "CCCC", "JJJJ"]
    assert stored()["CCCC"]["airport_name"] == "A name of two lines"


def test_an_odd_row_is_told_and_imported(imported: Import, stored: Any) -> None:
    lines = [
        HEADER,
        "AAAA,,a,,,US,,1,1,,",
        "BBBB,,b,,,US,high,1,1,,",
        "CCCC,,c,,,US,30000,1,1,,",
        "DDDD,,d,,,,1,1,1,,",
        "EEEE,,e,,,US,1,0,0,,",
        "_FFF,,f,,,US,1,1,1,,,,more",
    ]
    task = imported("\n".join(lines))
    assert messages(task) == [
        (2, "elevation is missing"),
        (3, "elevation 'high' is not a number"),
        (4, "elevation 30000 ft is hard to believe"),
        (5, "country is missing"),
        (6, "position 0, 0 is in the Atlantic"),
        (7, "code _FFF is not made of 3 or 4 letters and digits; 13 cells under a header of 11"),
    ]
    assert outcome(task) == (0, 6, 0) and len(stored()) == total_told() == 6


def test_a_second_import_updates_what_is_there(imported: Import, stored: Any) -> None:
    imported(f"{HEADER}\n{row('AAAA')}\n{row('BBBB')}")
    task = imported(f"{HEADER}\n{row('AAAA').replace('Springfield', 'City')}")
    assert outcome(task) == (1, 0, 0)
    assert stored()["AAAA"]["city"] == "City" and len(stored()) == total_told() == 2


def test_a_row_that_cannot_be_stored_stops_nothing(
    imported: Import, stored: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = airports.store

    def failing(db: Any, airport: Any, user: str) -> None:
        if airport["icao"] == "BBBB":
            raise RuntimeError("what nobody thought of")
        store(db, airport, user)

    monkeypatch.setattr(airports, "store", failing)
    task = imported("\n".join([HEADER, row("AAAA"), row("BBBB"), row("CCCC")]))
    assert messages(task) == [(3, "could not be stored: what nobody thought of")]
    assert list(stored()) == ["AAAA", "CCCC"]


def test_a_disk_that_fills_up_leaves_no_half_batch(
    imported: Import, stored: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = airports.store

    def full(db: Any, airport: Any, user: str) -> None:
        if airport["icao"] == "A00150":
            raise sqlite3.OperationalError("database or disk is full")
        store(db, airport, user)

    monkeypatch.setattr(airports, "store", full)
    with pytest.raises(sqlite3.OperationalError, match="disk is full"):
        imported(many(200))
    assert len(stored()) == total_told() == 100


def many(number: int) -> bytes:
    return "\n".join([HEADER, *(row(f"A{one:05}") for one in range(number))]).encode()


# A machine that is busy with others has needed more than a minute.
@pytest.mark.timeout(300)
def test_a_hundred_thousand_rows_are_imported(imported: Import) -> None:
    task = imported(many(100_000))
    assert task.done == task.total == total_told() == 100_000


def test_more_rows_take_no_more_memory(imported: Import) -> None:
    def peak(rows: int) -> int:
        content = many(rows)
        tracemalloc.start()
        try:
            imported(content)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    # Each row has a warning, of which a thousand are kept.
    few = peak(2_000)
    assert peak(12_000) - few < 500_000, "10,000 codes alone, kept in a dict, are more than that"


def test_the_pace_is_kept(imported: Import) -> None:
    rows = "\n".join(row(f"A{number:03}") for number in range(300))
    started = time.monotonic()
    imported(f"{HEADER}\n{rows}", pace=600)
    assert time.monotonic() - started > 0.49


def test_a_cancellation_leaves_whole_batches(
    imported: Import, stored: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    advance = progress.Task.advance

    def cancelled(task: progress.Task, steps: int = 1) -> None:
        advance(task, steps)
        if task.done == 300:
            raise progress.TaskCancelled("cancelled")

    monkeypatch.setattr(progress.Task, "advance", cancelled)
    rows = "\n".join(row(f"A{number:03}") for number in range(1_000))
    with pytest.raises(progress.TaskCancelled):
        imported(f"{HEADER}\n{rows}")
    assert len(stored()) == total_told() == 300


def test_a_slow_pace_is_told_and_cancelled_ten_times_a_second(
    imported: Import, stored: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[int] = []
    monkeypatch.setattr(progress.Task, "advance", lambda task, n=1: steps.append(task.done))
    rows = "\n".join(row(f"A{number:03}") for number in range(20))
    imported(f"{HEADER}\n{rows}", pace=50)
    assert steps == [5, 10, 15, 20]

"""A CSV file of airports, whatever program wrote it: encoding, delimiter, header, and how many
records it has.

It decides what is a file of airports at all; whether a row is a good airport is decided by
:mod:`.validation`. A file is read twice and never held in memory.
"""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TextIO

_HEAD = 64 * 1024
"""Bytes that are looked at to tell text from binary."""

_SYNONYMS = {
    # In order of preference: OurAirports' "ident" is always filled, its "icao_code" mostly not.
    "icao": ("icao", "ident", "code", "icao_code", "gps_code", "airport_code"),
    "iata": ("iata", "iata_code"),
    "airport_name": ("airport_name", "name", "airport"),
    "city": ("city", "municipality", "town"),
    "subdivision": ("subdivision", "subd", "state", "region", "iso_region"),
    "country": ("country", "country_code", "iso_country"),
    "elevation": ("elevation", "elevation_ft", "elev", "altitude", "alt"),
    "latitude": ("latitude", "lat", "latitude_deg"),
    "longitude": ("longitude", "lon", "lng", "long", "longitude_deg"),
    "timezone": ("timezone", "tz", "time_zone"),
}
_NEEDED = {"icao": "code", "airport_name": "name", "latitude": "latitude", "longitude": "longitude"}
_EXPECTED = "expected is a CSV file whose first row names the columns icao, name, lat and lon"
_BINARY = {
    b"PK\x03\x04": "a zip archive or an Excel workbook",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"GIF8": "a picture",
    b"%PDF": "a PDF",
    b"\x1f\x8b": "a compressed file",
}

Record = list[str] | csv.Error


class UnreadableFile(ValueError):
    """No file of airports; the message says what was found and what is expected."""


@dataclass(frozen=True)
class CsvFile:
    """A file that can be read as airports; ``columns`` says in which cell each field is."""

    path: Path
    encoding: str
    delimiter: str
    header_row: int
    columns: dict[str, int]
    width: int
    total: int

    @property
    def note(self) -> str | None:
        """What a person should know about how it was read, if anything."""
        if self.encoding.startswith("utf"):
            return None
        name = {"cp1252": "Windows-1252", "latin-1": "Latin-1"}[self.encoding]
        return f"The file is not UTF-8; it was read as {name}."

    def records(self) -> Iterator[tuple[int, Record]]:
        """Yield each record after the header with its row as a spreadsheet numbers it; an
        unreadable one as its error."""
        with self.path.open(encoding=self.encoding, newline="") as file:
            for row, record in _records(file, self.delimiter):
                if row > self.header_row:
                    yield row, record


def open_csv(path: Path) -> CsvFile:
    """Look at a file; :class:`UnreadableFile` when it cannot be one of airports."""
    with path.open("rb") as file:
        head = file.read(_HEAD)
    for encoding in _encodings(head):
        try:
            return _look(path, encoding)
        except UnicodeError:
            continue
    raise UnreadableFile(f"The file is no text; {_EXPECTED}.")


def _encodings(head: bytes) -> tuple[str, ...]:
    """Return the encodings to try, in order; every file is Latin-1 at last."""
    for magic, kind in _BINARY.items():
        if head.startswith(magic):
            raise UnreadableFile(f"The file is {kind}, not text; {_EXPECTED}.")
    # What Excel calls "Unicode text"; it has NUL bytes and yet is no binary.
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return ("utf-16",)
    if b"\0" in head:
        raise UnreadableFile(f"The file is binary, not text; {_EXPECTED}.")
    return ("utf-8-sig", "cp1252", "latin-1")


def _look(path: Path, encoding: str) -> CsvFile:
    with path.open(encoding=encoding, newline="") as file:
        delimiter = _delimiter(file)
        file.seek(0)
        records = _records(file, delimiter)
        header_row, header = next(records, (0, None))
        if header is None:
            raise UnreadableFile(f"The file is empty; {_EXPECTED}.")
        if isinstance(header, csv.Error):
            raise UnreadableFile(f"The first row cannot be read ({header}); {_EXPECTED}.")
        columns = _columns(header)
        total = sum(1 for _ in records)
    if not total:
        raise UnreadableFile("The file has a header and no rows under it.")
    return CsvFile(path, encoding, delimiter, header_row, columns, len(header), total)


def _delimiter(file: TextIO) -> str:
    """Return the likeliest delimiter of the first line that is not empty."""
    line = next((line for line in iter(lambda: file.readline(_HEAD), "") if line.strip()), "")
    outside_quotes = re.sub(r'"[^"]*"', "", line)
    return max(",;\t", key=outside_quotes.count)


def _columns(header: list[str]) -> dict[str, int]:
    cells = [re.sub(r"\W+", "_", cell.strip().lower()).strip("_") for cell in header]
    columns = {
        field: cells.index(found)
        for field, names in _SYNONYMS.items()
        if (found := next((name for name in names if name in cells), None))
    }
    missing = [label for field, label in _NEEDED.items() if field not in columns]
    if missing:
        shown = ", ".join(cell.strip()[:20] for cell in header[:8] if cell.isprintable())
        lacking = f"lacks {_and(missing)}" if len(columns) > 1 else "is no header"
        raise UnreadableFile(f"The first row ({shown[:100]}) {lacking}; {_EXPECTED}.")
    return columns


def _records(file: TextIO, delimiter: str) -> Iterator[tuple[int, Record]]:
    """Yield what is not blank, numbered from 1 over everything: a cell may hold newlines, so rows
    are not lines."""
    reader = csv.reader(file, delimiter=delimiter)
    for row in count(1):
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield row, error
            continue
        if any(cell and not cell.isspace() for cell in cells):
            yield row, cells


def _and(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"

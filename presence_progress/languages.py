"""The languages that this package ships, as Frappe hands them to its pages."""

from __future__ import annotations

import csv
from pathlib import Path

_FOLDER = Path(__file__).parent / "translations"


def languages() -> list[str]:
    """Return the languages other than English, in which the code itself is written."""
    return sorted(path.stem for path in _FOLDER.glob("*.csv"))


def messages(language: str) -> dict[str, str]:
    """Return what each string is in a language, as ``frappe._messages`` has it: a string that has a
    context is named ``string:context``. There is nothing in a language that is not shipped."""
    if language not in languages():
        return {}
    with (_FOLDER / f"{language}.csv").open(encoding="utf-8", newline="") as file:
        return {":".join([row[0], *row[2:]]): row[1] for row in csv.reader(file)}

"""What a good airport is, for a row of a file and for a form alike. Pure: no file, no database, no
clock."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

Value = str | int | float | None

TEXTS = ("iata", "city", "subdivision", "country", "timezone")
EDITABLE = ("airport_name", *TEXTS, "elevation", "latitude", "longitude")

_LONGEST = 140
"""Characters; what Frappe's Data field holds."""
_LOWEST, _HIGHEST = -1_500, 16_500
"""Feet. The lowest airfield lies by the Dead Sea (1,266 below the sea), the highest at 14,965."""
_CODE = re.compile(r"[A-Z0-9]{3,4}")
# Not all that cannot be printed: soft hyphens and joiners belong to names.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_THOUSANDS = re.compile(r"[+-]?\d{1,3}(,\d{3})+")
_NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?")


class InvalidAirport(ValueError):
    """Values that are no airport; the message names every reason."""


def check(values: Mapping[str, object]) -> tuple[dict[str, Value], list[str]]:
    """Return the airport as it is stored, and what a person may want to look at.

    Reads the fields ``icao`` and :data:`EDITABLE`, missing ones as empty. Raises
    :class:`InvalidAirport`.
    """
    problems: list[str] = []
    warnings: list[str] = []
    airport: dict[str, Value] = {}

    def text(field: str, label: str) -> str:
        value = values.get(field)
        if isinstance(value, bool) or not isinstance(value, (str, int, float, type(None))):
            problems.append(f"{label} is neither text nor number")
            return ""
        # Newlines and tabs in a quoted cell are layout, not part of a name.
        found = "" if value is None else " ".join(str(value).split())
        if len(found) > _LONGEST:
            problems.append(f"{label} is {len(found)} characters long, {_LONGEST} at most")
        elif _CONTROL.search(found):
            problems.append(f"{label} holds control characters")
        return found

    def degrees(field: str, limit: int) -> float:
        label = field
        found = text(field, label)
        number = _number(found)
        if number is None:
            problems.append(
                f"{label} {_quoted(found)} is not a number" if found else f"{label} is missing"
            )
            return 0.0
        if abs(number) > limit:
            problems.append(f"{label} {found} is outside ±{limit}")
        return number

    code = text("icao", "code").upper()
    if not code:
        problems.append("code is missing")
    elif "/" in code or " " in code or len(code) > 10:
        problems.append(f"code {_quoted(code)} is no airport code")
    elif not _CODE.fullmatch(code):
        warnings.append(f"code {code} is not made of 3 or 4 letters and digits")
    airport["icao"] = code
    airport["airport_name"] = text("airport_name", "name")
    if not airport["airport_name"]:
        problems.append("name is missing")
    for field in TEXTS:
        airport[field] = text(field, field)
    airport["latitude"] = degrees("latitude", 90)
    airport["longitude"] = degrees("longitude", 180)

    elevation = text("elevation", "elevation")
    # "1,234" feet are a thousand, whatever "52,5" degrees are.
    feet = _number(elevation.replace(",", "") if _THOUSANDS.fullmatch(elevation) else elevation)
    airport["elevation"] = None if feet is None else round(feet)
    # A column that the whole file lacks is no news of each row.
    if not elevation and "elevation" in values:
        warnings.append("elevation is missing")
    elif elevation and feet is None:
        warnings.append(f"elevation {_quoted(elevation)} is not a number")
    elif feet is not None and not _LOWEST <= feet <= _HIGHEST:
        warnings.append(f"elevation {elevation} ft is hard to believe")
    if not airport["country"] and "country" in values:
        warnings.append("country is missing")
    if airport["latitude"] == 0 and airport["longitude"] == 0:
        warnings.append("position 0, 0 is in the Atlantic")

    if problems:
        raise InvalidAirport("; ".join(problems))
    return airport, warnings


def _number(text: str) -> float | None:
    # float() also reads "nan", "infinity" and "1_000", which nobody means by a latitude.
    if not _NUMBER.fullmatch(text):
        return None
    number = float(text.replace(",", "."))
    return number if math.isfinite(number) else None


def _quoted(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:39] + "…")

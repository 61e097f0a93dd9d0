"""Frappe's way to ask for a list (fields, filters, order_by, limits) turned into SQL.

Names of fields and operators are taken from the lists below, values are always parameters; nothing
else of a request becomes SQL. Raises :class:`~presence_progress.demo.errors.Invalid` for anything
that it does not understand.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from presence_progress.demo.errors import Invalid
from presence_progress.demo.validation import EDITABLE

FIELDS = ("name", "icao", *EDITABLE, "modified", "modified_by")
_SEARCHED = ("icao", "iata", "airport_name", "city")
_COMPARISONS = {"=", "!=", "<", ">", "<=", ">=", "like", "not like"}
_MOST_FILTERS, _MOST_VALUES, _LONGEST = 50, 500, 1_000
_LAST = 2**62
"""SQLite counts in 64 bits; a larger offset means the same."""


@dataclass(frozen=True)
class Query:
    """Two statements over the same rows: the rows themselves, and how many they are."""

    select: str
    count: str
    parameters: list[Any]


def read_query(arguments: Mapping[str, Any]) -> Query:
    """Build the query that a request's arguments ask for; lists and objects may come as JSON
    texts."""
    where, parameters = _where(_loaded(arguments, "filters"), arguments.get("search"))
    fields = _fields(_loaded(arguments, "fields"))
    length = _number(arguments, "limit_page_length", _number(arguments, "limit", 20))
    start = _number(arguments, "limit_start", 0)
    return Query(
        f"SELECT {', '.join(fields)} FROM airport{where} "
        f"ORDER BY {_order(arguments.get('order_by'))} "
        # As in Frappe, a page length of 0 is no limit.
        f"LIMIT {length or -1} OFFSET {start}",
        f"SELECT COUNT(*) FROM airport{where}",
        parameters,
    )


def _where(filters: object, search: object) -> tuple[str, list[Any]]:
    conditions: list[str] = []
    parameters: list[Any] = []
    for field, operator, value in _filters(filters):
        condition, values = _condition(field, operator, value)
        conditions.append(condition)
        parameters += values
    if isinstance(search, str) and (words := search.split()):
        for word in words[:10]:
            escaped = word[:_LONGEST]
            for special in "\\%_":
                escaped = escaped.replace(special, "\\" + special)
            conditions.append(
                "(" + " OR ".join(f"{name} LIKE ? ESCAPE '\\'" for name in _SEARCHED) + ")"
            )
            parameters += [f"%{escaped}%"] * len(_SEARCHED)
    return (" WHERE " + " AND ".join(conditions) if conditions else ""), parameters


def _filters(filters: object) -> list[tuple[str, str, Any]]:
    """Read both of Frappe's forms: ``{field: value}`` and ``[[field, operator, value]]``."""
    if filters in (None, ""):
        return []
    if isinstance(filters, dict):
        pairs = ((field, value) for field, value in filters.items())
        # {field: [operator, value]} is Frappe's too.
        found: list[Any] = [[f, *v] if isinstance(v, list) else [f, "=", v] for f, v in pairs]
    elif isinstance(filters, list):
        one = len(filters) in (3, 4) and all(isinstance(item, str) for item in filters[:2])
        found = [filters] if one else filters
    else:
        raise Invalid("Filters are a list or an object in JSON.")
    if len(found) > _MOST_FILTERS:
        raise Invalid(f"At most {_MOST_FILTERS} filters.")
    return [_filter(item) for item in found]


def _filter(item: object) -> tuple[str, str, Any]:
    # With four parts the first is the DocType.
    parts = item[-3:] if isinstance(item, list) and len(item) in (3, 4) else None
    if parts is None or not isinstance(parts[0], str) or not isinstance(parts[1], str):
        raise Invalid('A filter is ["field", "operator", value].')
    return _field(parts[0]), parts[1].strip().lower(), parts[2]


def _condition(field: str, operator: str, value: object) -> tuple[str, list[Any]]:
    if operator in ("in", "not in", "between"):
        values = value.split(",") if isinstance(value, str) else value
        if not isinstance(values, list) or len(values) > _MOST_VALUES:
            raise Invalid(f"'{operator}' takes a list of at most {_MOST_VALUES} values.")
        values = [_value(one) for one in values]
        if operator != "between":
            return f"{field} {operator.upper()} ({', '.join('?' * len(values))})", values
        if len(values) == 2:
            return f"{field} BETWEEN ? AND ?", values
        raise Invalid("'between' takes two values.")
    if operator == "is":
        if value not in ("set", "not set"):
            raise Invalid('\'is\' takes "set" or "not set".')
        return f"COALESCE({field}, '') {'!=' if value == 'set' else '='} ''", []
    if operator not in _COMPARISONS:
        raise Invalid(f"There is no operator {operator[:20]!r}.")
    if value is None and operator in ("=", "!="):
        return f"{field} IS {'NOT ' if operator == '!=' else ''}NULL", []
    return f"{field} {operator.upper()} ?", [_value(value)]


def _value(value: object) -> object:
    if not isinstance(value, (str, int, float)) or (
        isinstance(value, str) and len(value) > _LONGEST
    ):
        raise Invalid(
            f"The value of a filter is a number or a text of at most {_LONGEST} characters."
        )
    return value


def _fields(fields: object) -> list[str]:
    if fields in (None, "", []):
        return ["name"]
    if not isinstance(fields, list) or not all(isinstance(field, str) for field in fields):
        raise Invalid("Fields are a JSON list of names.")
    if "*" in fields:
        return list(FIELDS)
    return list(dict.fromkeys(_field(field) for field in fields))


def _order(order_by: object) -> str:
    if order_by in (None, ""):
        return "modified DESC, name ASC"
    if not isinstance(order_by, str):
        raise Invalid("order_by is a text.")
    terms = []
    for term in order_by.split(","):
        field, _, direction = term.strip().partition(" ")
        direction = direction.strip().upper() or "ASC"
        if direction not in ("ASC", "DESC"):
            raise Invalid("Order is asc or desc.")
        terms.append(f"{_field(field)} {direction}")
    # The key last makes the order total, so that no row is on two pages.
    return ", ".join([*terms, "name ASC"])


def _field(text: str) -> str:
    name = text.replace("`", "").rpartition(".")[2].strip()
    if name not in FIELDS:
        raise Invalid(f"Airport has no field {text[:40]!r}.")
    return name


def _number(arguments: Mapping[str, Any], name: str, default: int) -> int:
    value = arguments.get(name)
    if value in (None, ""):
        return default
    try:
        number = int(value)
    except (TypeError, ValueError, OverflowError):
        raise Invalid(f"{name} is a whole number.") from None
    return min(max(number, 0), _LAST)


def _loaded(arguments: Mapping[str, Any], name: str) -> object:
    value = arguments.get(name)
    if not isinstance(value, str) or not value.strip():
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        raise Invalid(f"{name} is not JSON.") from None

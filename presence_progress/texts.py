"""What a text from outside must be to be a name: Unicode, and not too long.

JSON can spell half of a surrogate pair, such as the first of the two units of an emoji. That has no
UTF-8: it cannot be stored, sent or logged.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypeGuard

MAX_ECHO = 10_000
"""Characters of a client's text that are sent back: its client finds a denial by the whole name, if
that is a little too long."""
_HALVES = re.compile("[\ud800-\udfff]")
_MAX_NUMBER = 2**63
"""Names that are numbers are below it: Frappe's autoincrement is a BIGINT."""


def is_unicode(text: str) -> bool:
    """Return whether a text can be encoded."""
    return text.isascii() or _HALVES.search(text) is None


def is_all_unicode(value: Any) -> bool:
    """Return whether every text in a JSON value can be encoded; ``RecursionError`` for one that is
    nested too deeply."""
    if isinstance(value, str):
        return is_unicode(value)
    if isinstance(value, Mapping):
        return all(is_all_unicode(part) for pair in value.items() for part in pair)
    return not isinstance(value, (list, tuple)) or all(map(is_all_unicode, value))


def is_name(value: object, longest: int) -> TypeGuard[str]:
    """Return whether a value is a text of 1 to ``longest`` characters that every part can store:
    PostgreSQL takes no NUL."""
    return (
        isinstance(value, str)
        and 0 < len(value) <= longest
        and is_unicode(value)
        and "\0" not in value
    )


def number_as_name(value: object) -> object:
    """Return the text of a whole number, as autoincrement names are; anything else as it is."""
    is_number = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _MAX_NUMBER
    return str(int(value)) if is_number else value  # type: ignore[call-overload]


def well_formed(text: str) -> str:
    """Return a text with U+FFFD for each half of a surrogate pair."""
    return text if text.isascii() else _HALVES.sub("\ufffd", text)


def echo(value: object, longest: int = MAX_ECHO) -> str:
    """Return what a stranger has sent as it can be sent back, or logged: well-formed, and not too
    long. What is neither a text nor a number is ``""``."""
    value = number_as_name(value)
    return well_formed(value[:longest]) if isinstance(value, str) else ""

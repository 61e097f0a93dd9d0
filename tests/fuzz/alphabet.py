"""What hostile and unlucky clients send: drawn by a seed, so that it can be drawn once more."""

from __future__ import annotations

import random
from typing import Any

HALF = "\ud83d"
"""Half of a surrogate pair."""
PIECES = [
    *("a", "Z", "0", " ", "  ", "/", "//", ":", ",", "%", "%2F", "%00", "+", "&", "?", "#", "-"),
    *("\0", "\n", "\r", "\r\n", "\t", "\x1e", "\x7f", "\u2028", "\ufeff", "\uffff", "\u202e"),
    *(HALF, "\udc00", "\udc00\ud83d", "😀", "é", "e\u0301", "ß", "ﷺ", "👩‍👩‍👧"),
    *('"', "'", "\\", "\\u", "\\ud83d", "{", "}", "[", "]", "*", "<b>", "__proto__", "null", "NaN"),
]
NAMES = [
    *("Airport", "KJFK", "EDDB", "NOPE", "Error Log", "User", "editor@example.com", "Guest"),
    *("all", "website", "online", "online:count", "presence:Airport/KJFK", "presence:Airport/"),
    *(
        "count:website/n",
        "count:site/n",
        "count:user:editor@example.com/n",
        "count:doc:Airport/KJFK/n",
    ),
    *("count:doctype:Airport/n", "task:t", "tasks:editor@example.com", "tasks:doctype:Airport"),
    *(
        "tasks:doc:Airport/KJFK",
        "query:Airport/{}",
        'query:Airport/{"city":"x"}',
        "query:Airport/[",
    ),
    *("user:editor@example.com", "doc:Airport/KJFK", "doctype:Airport", "task_progress:t", "room"),
    *("viewing", "editing", "idle", "", "doctype", "name", "names", "focus", "user", "invisible"),
]
NUMBERS = [0, 1, -1, 12, 1.5, -0.0, 1e308, 2**31, 2**53, 2**63, 2**64, -(2**63), 10**90]
KEYS = ["doctype", "name", "names", "activity", "focus", "percent", "progress", "title", "user"]


class Alphabet(random.Random):
    """A source of texts and JSON values."""

    def text(self) -> str:
        kind = self.random()
        if kind < 0.35:
            return self.choice(NAMES)
        if kind < 0.6:
            name, at = self.choice(NAMES), self.randrange(20)
            return name[:at] + self.choice(PIECES) + name[at:]
        if kind < 0.95:
            return "".join(self.choices(PIECES, k=self.randrange(8)))
        # Around the limits, and far beyond them.
        return self.choice(NAMES) + self.choice(PIECES) * self.choice(
            [139, 499, 500, 2_000, 30_000]
        )

    def value(self, depth: int = 3) -> Any:
        kind = self.random()
        if kind < 0.55 or not depth:
            return self.text()
        if kind < 0.7:
            return self.choice(NUMBERS)
        if kind < 0.8:
            return self.choice([None, True, False, "", [], {}])
        if kind < 0.9:
            return [self.value(depth - 1) for _ in range(self.randrange(4))]
        if kind < 0.99:
            keys = [self.choice(KEYS) if self.random() < 0.8 else self.text() for _ in range(3)]
            return {key: self.value(depth - 1) for key in keys}
        value = self.value(0)
        for _ in range(200):
            value = [value]
        return value

    def document(self) -> dict[str, Any]:
        """Return the payload of an event about a document, more or less."""
        payload: dict[str, Any] = {"doctype": "Airport", "name": "KJFK", "names": ["KJFK", "EDDB"]}
        if self.random() < 0.3:
            payload |= {"activity": "editing", "focus": "city"}
        for _ in range(self.randrange(3)):
            payload[self.choice(KEYS)] = self.value()
        if self.random() < 0.3:
            payload["names"] = [self.value(1) for _ in range(self.randrange(5))]
        return payload

    def garbled(self, data: bytes) -> bytes:
        """Return bytes with some of them changed, left out or said twice."""
        for _ in range(self.randrange(1, 4)):
            at = self.randrange(len(data) + 1)
            other = self.randbytes(self.randrange(4))
            data = data[:at] + other + data[at + self.randrange(4) :]
        return data

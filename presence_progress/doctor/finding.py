"""What a check says."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from presence_progress.address import without_passwords


class Mark(Enum):
    """How bad it is: a problem keeps the server from working, a warning keeps something of it."""

    FINE = "fine"
    WARNING = "warning"
    PROBLEM = "problem"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Finding:
    """One sentence, and the way out where one is needed."""

    mark: Mark
    text: str
    way_out: str = ""

    def __post_init__(self) -> None:
        # It quotes settings and other people's errors.
        object.__setattr__(self, "text", without_passwords(self.text))


def fine(text: str) -> Finding:
    return Finding(Mark.FINE, text)


def warning(text: str, way_out: str) -> Finding:
    return Finding(Mark.WARNING, text, way_out)


def problem(text: str, way_out: str) -> Finding:
    return Finding(Mark.PROBLEM, text, way_out)


def skipped(text: str) -> Finding:
    return Finding(Mark.SKIPPED, text)

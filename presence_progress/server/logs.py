"""How the server logs: structured, one line an event; JSON for machines, columns for a terminal.

Strangers have their part in what is logged: texts, and how often. So each text is one line of
printable characters and not too long, no address shows its password, and what is said too often is
counted instead.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from collections.abc import Hashable
from typing import Any

import structlog

from presence_progress.address import without_passwords

BURST, WINDOW = 50, 10.0
"""Lines of one kind, and in how many seconds; what goes beyond is left out, and counted."""
LONGEST, LONGEST_EXCEPTION = 500, 10_000
"""Characters of a text, and of a traceback, which is cut in the middle."""
_MOST_KINDS = 1_000
LEFT_OUT = "lines are left out"


def configure(is_read_by_a_person: bool | None = None) -> None:
    """Send what the server and its libraries log to stderr; by default in the form that fits it."""
    shared: list[structlog.types.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso"),
        structlog.processors.UnicodeDecoder(),
    ]
    if is_read_by_a_person is None:
        is_read_by_a_person = sys.stderr.isatty()
    renderer: structlog.types.Processor = (
        # Not a traceback with the values of variables: there are passwords among them.
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
        if is_read_by_a_person
        else structlog.processors.JSONRenderer(ensure_ascii=False, default=str)
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler()
    handler.addFilter(_Rate())
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                _tame,
                renderer,
            ],
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.WARNING)
    logging.getLogger("presence_progress").setLevel(logging.INFO)


class _Rate(logging.Filter):
    """Lets so many lines of one kind through, and says later how many more there were."""

    def __init__(self) -> None:
        super().__init__()
        self._kinds: dict[Hashable, _Kind] = {}
        """About as many as there are places in the code that log."""

    def filter(self, record: logging.LogRecord) -> bool:
        said = record.msg
        if isinstance(said, dict):
            what = said.get("event")
            if what == LEFT_OUT:
                return True
        else:
            # A library's message may have a stranger's text in it already: it is known by its line.
            what = record.pathname, record.lineno
        if len(self._kinds) >= _MOST_KINDS:
            self._kinds.clear()
        kind = self._kinds.setdefault((record.name, what), _Kind())
        now = time.monotonic()
        if now - kind.since >= WINDOW:
            self._sum_up(record.name, kind)
            kind.since, kind.lines = now, 0
        kind.lines += 1
        if kind.lines == BURST + 1:
            kind.what = str(what)
            # Also when nothing more is said of it. Without a loop, it is told with the next one.
            try:
                loop = asyncio.get_running_loop()
            except RuntimeError:
                pass
            else:
                loop.call_later(WINDOW, self._sum_up, record.name, kind)
        return kind.lines <= BURST

    def _sum_up(self, logger: str, kind: _Kind) -> None:
        left_out, kind.lines = kind.lines - BURST, min(kind.lines, BURST)
        if left_out > 0:
            log = structlog.get_logger(logger)
            log.warning(LEFT_OUT, count=left_out, of=kind.what, seconds=WINDOW)


class _Kind:
    """Lines of one kind: how many came since when."""

    __slots__ = ("lines", "since", "what")

    def __init__(self) -> None:
        self.lines, self.since, self.what = 0, float("-inf"), ""


def _tame(_: Any, __: str, said: structlog.types.EventDict) -> structlog.types.EventDict:
    """Make each value one line that can be written anywhere."""
    # No line of it begins as a line of the log does.
    if exception := said.pop("exception", None):
        half = LONGEST_EXCEPTION // 2
        if len(exception) > LONGEST_EXCEPTION:
            exception = f"{exception[:half]}\n…\n{exception[-half:]}"
        lines = map(_printable, without_passwords(exception).splitlines())
        said["exception"] = "\n  ".join(lines)
    return {key: value if key == "exception" else _tamed(value) for key, value in said.items()}


def _tamed(value: Any) -> Any:
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, (list, tuple)):
        return [_tamed(one) for one in value[:LONGEST]]
    text = value if isinstance(value, str) else str(value)
    return _printable(without_passwords(_short(text)))


def _short(text: str) -> str:
    if len(text) <= LONGEST:
        return text
    return f"{text[:LONGEST]}… ({len(text) - LONGEST} more characters)"


def _printable(text: str) -> str:
    """Escape what ends a line, moves a terminal's cursor, turns a text round, or is no Unicode."""
    if text.isprintable():
        return text
    return "".join(
        one if one.isprintable() else one.encode("unicode_escape").decode() for one in text
    )

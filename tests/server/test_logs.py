"""What strangers write in the log: one line each, of which not too many are alike."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import Any

import pytest

SETUP = """
import asyncio, logging, structlog
from presence_progress.server import logs
logs.configure(is_read_by_a_person={is_read_by_a_person})
log = structlog.get_logger("presence_progress.server.app")
foreign = logging.getLogger("uvicorn.error")
"""


def logged(code: str, *, is_read_by_a_person: bool = False, encoding: str = "utf-8") -> str:
    """Return what a server that runs this code logs."""
    ended = subprocess.run(
        [sys.executable, "-c", SETUP.format(is_read_by_a_person=is_read_by_a_person) + code],
        capture_output=True,
        env={"PYTHONIOENCODING": f"{encoding}:strict"},
        check=True,
    )
    return ended.stderr.decode(encoding)


def lines(code: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in logged(code).splitlines()]


HOSTILE = r"'a\n2026-01-01T00:00:00 [info] forged\r\x1b[2J\x9b\u2028\u202eb\0' + '\ud83d' + '\x85'"


SAY = [
    "log.info('refused', namespace=text)",
    "log.info('refused', namespace=[text])",
    "log.info('refused', namespace={text: text})",
    "log.info(text)",
    "foreign.warning('invalid %s', text)",
    "foreign.warning('invalid ' + text)",
]


@pytest.mark.parametrize("is_read_by_a_person", [False, True])
def test_a_strangers_text_is_one_printable_line(is_read_by_a_person: bool) -> None:
    code = "\n".join([f"text = {HOSTILE}", *SAY])
    said = logged(code, is_read_by_a_person=is_read_by_a_person).splitlines()
    assert len(said) == len(SAY)
    for line in said:
        # The colours of a terminal are ours.
        assert "forged" in line and "ud83d" in line
        assert "\x1b[2J" not in line and "\u202e" not in line


def test_a_strangers_text_in_a_traceback_begins_no_line() -> None:
    code = f"try:\n raise ValueError({HOSTILE})\nexcept ValueError:\n log.exception('failed')"
    said = logged(code, is_read_by_a_person=True)
    assert "Traceback" in said and "ValueError" in said
    assert "forged" in said and not re.search(r"^\S*2026-01-01", said, re.MULTILINE)
    [entry] = lines(code)
    assert entry["event"] == "failed" and "ValueError" in entry["exception"]


def test_texts_that_are_too_long_are_cut() -> None:
    [entry, failed] = lines(
        "log.info('refused', namespace='x' * 1_000_000, all=['y' * 1_000_000])\n"
        "try:\n raise ValueError('z' * 1_000_000)\nexcept ValueError:\n log.exception('failed')"
    )
    assert entry["namespace"].endswith("x… (999500 more characters)")
    assert len(json.dumps(entry)) < 2_000 and len(json.dumps(failed)) < 12_000
    assert failed["exception"].startswith("Traceback")


def test_where_a_character_cannot_be_written_the_rest_is() -> None:
    said = logged("log.info('refused', why='\\ud83d')", encoding="ascii")
    assert json.loads(said)["why"] == "\\ud83d"


def test_passwords_in_errors_are_not_logged() -> None:
    said = logged(
        "log.warning('away', error='redis://u:sec/ret@h:1 is away; password=sec, ret')\n"
        "try:\n raise OSError('rediss://:sec@ret@h')\nexcept OSError:\n log.exception('failed')"
    )
    assert "redis://…@h:1 is away" in said and "sec" not in said.replace("seconds", "")


def test_lines_of_one_kind_are_counted_beyond_some() -> None:
    said = lines(
        "logs.WINDOW = 0.2\n"
        "async def flood():\n"
        "    for number in range(200):\n"
        "        log.info('refused', namespace=str(number))\n"
        "        foreign.warning('Invalid HTTP request received ' + str(number))\n"
        "    log.info('something else')\n"
        "    await asyncio.sleep(0.5)\n"
        "    log.info('refused', namespace='afterwards')\n"
        "asyncio.run(flood())"
    )
    kinds = [entry["event"] for entry in said]
    assert kinds.count("refused") == 51 and said[-1]["namespace"] == "afterwards"
    assert sum(kind.startswith("Invalid") for kind in kinds) == 50
    assert "something else" in kinds
    left_out = [entry for entry in said if entry["event"] == "lines are left out"]
    assert [entry["count"] for entry in left_out] == [150, 150]
    assert (
        left_out[0]["of"] == "refused" and left_out[0]["logger"] == "presence_progress.server.app"
    )


def test_without_a_loop_the_next_line_says_how_many_were_left_out() -> None:
    said = lines(
        "import time\nlogs.WINDOW = 0.2\n"
        "for number in range(60):\n log.info('refused')\n"
        "time.sleep(0.3)\nlog.info('refused')"
    )
    assert [entry.get("count") for entry in said[-2:]] == [10, None]

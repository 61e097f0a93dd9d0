"""The line of a process file that starts the realtime server: found, read and replaced, as text.

It knows the three forms that bench writes (Procfile, supervisor, systemd) and never touches a file.
Only the command itself is ever replaced: what stands before and after it in the line, such as an
environment or a log, stays.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum


class Form(str, Enum):
    """How a process file is written, and what its processes are started by."""

    PROCFILE = "procfile"
    SUPERVISOR = "supervisor"
    SYSTEMD = "systemd"


class Server(str, Enum):
    """Which realtime server a line starts."""

    NODE = "Frappe's Node server"
    PYTHON = "Frappe's Python server"
    BENCH = "Frappe's server, by `bench socketio`"
    OURS = "presence_progress"
    OTHER = "something else"


@dataclass(frozen=True)
class Line:
    """The command of a realtime server: what it is called in its file, and where it stands."""

    name: str
    number: int
    start: int
    end: int
    command: str
    server: Server


# A command begins a line or follows a space or a quote: not the end of a longer name.
_BEGINS = r"(?<![^\s\"'])"
_FOLDER = r"(?:[^\s\"'=;|&<>]*/)?"
# A number before a > is no value of an option, but says what goes to the file.
_VALUE = r"(?:'[^']*'|\"[^\"]*\"|[^\s\"'<>|&;-][^\s\"'<>|&;]*(?=[\s\"']|$))"
_OPTIONS = rf"(?:[ \t]+-[^\s\"'<>|&;]*(?:[ \t]+{_VALUE})?)*"

_COMMANDS = {
    # `None` is what bench wrote where it had found no Node.
    Server.NODE: rf"{_BEGINS}{_FOLDER}(?:node|nodejs|None)\s[^;&|<>]*?\bsocketio\.js(?![\w.])",
    Server.PYTHON: (
        rf"{_BEGINS}{_FOLDER}python[\d.]*\s(?:[^;&|<>]*\s)?-m\s+frappe\.realtime\.server\b"
    ),
    Server.BENCH: rf"{_BEGINS}{_FOLDER}bench\s+(?:-\S+\s+)*socketio(?![\w-])",
    Server.OURS: (
        rf"{_BEGINS}(?:{_FOLDER}bench\s+)?(?:'[^']*/presence-progress'|{_FOLDER}presence-progress|"
        rf"(?:'[^']*/python'|{_FOLDER}python[\d.]*)\s+-m\s+presence_progress\.cli)"
        rf"\s+serve\b{_OPTIONS}"
    ),
}
_PATTERNS = {server: re.compile(pattern) for server, pattern in _COMMANDS.items()}

_PROCFILE_LINE = re.compile(r"^([\w-]+):[ \t]*(\S.*?)[ \t]*\r?$", re.MULTILINE)
_PROGRAM = re.compile(r"^\[program:([^\]\n]+)\][^\n]*\n(?:(?!\[).*\n?)*", re.MULTILINE)
_PROGRAM_COMMAND = re.compile(r"^command[ \t]*=[ \t]*(\S.*?)[ \t]*\r?$", re.MULTILINE)
# The signs before the command tell systemd how to start it.
_UNIT_COMMAND = re.compile(r"^ExecStart[ \t]*=[ \t]*[-@:+!|]*(\S.*?)[ \t]*\r?$", re.MULTILINE)


def find_lines(text: str, form: Form, bench: str = "", unit: str = "") -> list[Line]:
    """Return the lines that start a realtime server.

    ``bench``: only what names this folder (a file in /etc may be about several benches).
    ``unit``: what the file is called, which in systemd is the only name of a process.
    """
    found = []
    for name, about, start, command in _commands(text, form):
        if bench and not _names(about, bench):
            continue
        server, first, last = _read(command)
        if server is Server.OTHER and not _is_realtime(
            unit if form is Form.SYSTEMD else name, form
        ):
            continue
        found.append(
            Line(
                name,
                text.count("\n", 0, start) + 1,
                start + first,
                start + last,
                command[first:last],
                server,
            )
        )
    return found


def replace_commands(text: str, commands: Mapping[Line, str]) -> str:
    """Return the text with other commands in some of its lines."""
    for line in sorted(commands, key=lambda line: line.start, reverse=True):
        text = text[: line.start] + commands[line] + text[line.end :]
    return text


def _commands(text: str, form: Form) -> Iterator[tuple[str, str, int, str]]:
    """Yield each process: its name, the text about it, where its command begins, the command."""
    if form is Form.PROCFILE:
        for line in _PROCFILE_LINE.finditer(text):
            yield line[1], line[0], line.start(2), line[2]
    elif form is Form.SYSTEMD:
        for line in _UNIT_COMMAND.finditer(text):
            yield "ExecStart", text, line.start(1), line[1]
    else:
        for program in _PROGRAM.finditer(text):
            for line in _PROGRAM_COMMAND.finditer(text, program.start(), program.end()):
                yield program[1].strip(), program[0], line.start(1), line[1]


def _read(command: str) -> tuple[Server, int, int]:
    """Return which server a command starts, and from where to where that is said."""
    for server, pattern in _PATTERNS.items():
        found = pattern.search(command)
        if found:
            return server, found.start(), found.end()
    return Server.OTHER, 0, len(command)


def _is_realtime(name: str, form: Form) -> bool:
    # Not every name with socketio in it: older benches have a Redis that is called redis_socketio.
    return name == "socketio" if form is Form.PROCFILE else "node-socketio" in name


def _names(text: str, bench: str) -> bool:
    # /home/frappe/bench is not /home/frappe/bench-2.
    return re.search(re.escape(bench.rstrip("/")) + r"(?![\w.-])", text) is not None

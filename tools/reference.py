"""Writes docs/reference.md from docstrings, props and JSDoc: what can be used, and what it does.

``python tools/reference.py`` writes it; a test says when it is behind.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "presence_progress"
TARGET = ROOT / "docs" / "reference.md"

PYTHON = {
    "progress": ["track", "Task", "enqueue", "retry", "cancel", "current_task", "TaskCancelled"],
    "counts": ["set", "add", "get", "publish_realtime"],
    "presence": ["here", "viewers", "count", "online", "enter", "leave"],
    "rooms": ["snapshot"],
    "context": ["configure", "at"],
}
"""The public functions and classes, by module, in the order in which one needs them."""
FILES = {"progress": ["progress", "task", "task_jobs"]}
"""The files in which they stand, where that is not the module's alone."""
ELEMENTS = ["LiveCount", "TaskProgress", "TaskTray", "DocViewers", "OnlineUsers"]
COMPOSABLES = [
    *("useTask", "useTasks", "useTaskHistory", "useCount", "usePresence", "usePresenceList"),
    *("useOnline", "useInvisible", "useRoom", "useConnection"),
]

HEAD = """# Reference

Made by `tools/reference.py` from docstrings, props and JSDoc: change it there. How things are used
together is in [tutorial.md](tutorial.md), [progress.md](progress.md), [presence.md](presence.md)
and [website.md](website.md); what crosses the wire in [protocol.md](protocol.md).
"""
ELEMENTS_HEAD = """
## Elements and components

An attribute of an element is a prop of its component: `task-id` is `taskId`. No element needs a
framework on its page.
"""


def main() -> None:
    TARGET.write_text(reference())
    sys.stdout.write(f"{TARGET.relative_to(ROOT)} is written\n")


def reference() -> str:
    """Return the page."""
    parts = [HEAD, "\n## Python\n", *python(), ELEMENTS_HEAD]
    parts += [component(name) for name in ELEMENTS]
    parts.append("\n## Composables\n")
    parts += [composable(name) for name in COMPOSABLES]
    return "".join(parts)


# --- Python ---------------------------------------------------------------------------------------


def python() -> Iterator[str]:
    for module, names in PYTHON.items():
        files = FILES.get(module, [module])
        body = [
            node for file in files for node in ast.parse((PACKAGE / f"{file}.py").read_text()).body
        ]
        yield f"\n### presence_progress.{module}\n"
        # Of overloads the last one is the function itself.
        found = {getattr(node, "name", ""): node for node in body}
        for name in names:
            node = found[name]
            if isinstance(node, ast.ClassDef):
                yield from of_class(node)
            elif isinstance(node, ast.FunctionDef):
                yield entry(signature(node), node)


def of_class(node: ast.ClassDef) -> Iterator[str]:
    functions = {item.name: item for item in node.body if isinstance(item, ast.FunctionDef)}
    begin = functions.get("__init__")
    yield entry(signature(begin, node.name) if begin else node.name, node)
    # Of a property, the first one: its setter has no docstring.
    seen: set[str] = set()
    for item in node.body:
        if isinstance(item, ast.FunctionDef) and not item.name.startswith("_"):
            if item.name in seen or not ast.get_docstring(item):
                continue
            seen.add(item.name)
            is_property = any(getattr(d, "id", "") == "property" for d in item.decorator_list)
            owner = node.name.lower()
            yield entry(
                f"{owner}.{item.name}" if is_property else signature(item, f"{owner}.{item.name}"),
                item,
            )


def entry(heading: str, node: ast.FunctionDef | ast.ClassDef) -> str:
    text = ast.get_docstring(node) or ""
    # Sphinx's marks for code and links, as Markdown has them.
    text = re.sub(r":\w+:`~?([^`]*)`", r"`\1`", text).replace("``", "`")
    return f"\n#### `{heading}`\n\n{text}\n"


def signature(node: ast.FunctionDef, name: str | None = None) -> str:
    arguments = node.args
    arguments.args = [one for one in arguments.args if one.arg != "self"]
    for one in (*arguments.args, *arguments.kwonlyargs):
        one.annotation = None
    for rest in (arguments.vararg, arguments.kwarg):
        if rest:
            rest.annotation = None
    return f"{name or node.name}({ast.unparse(arguments)})"


# --- JavaScript -----------------------------------------------------------------------------------


def component(name: str) -> str:
    text = (PACKAGE / "public/js/components" / f"{name}.vue").read_text()
    tag = re.sub(r"(?<!^)(?=[A-Z])", "-", name).lower()
    told = jsdoc(re.search(r"<script setup>\n(/\*\*.*?\*/)", text, re.DOTALL))
    rows = [
        f"| `{prop}` | `{attribute(prop)}` | {kind} | {told_of_prop} |\n"
        for prop, kind, told_of_prop in props(text)
    ]
    head = "| prop | attribute | type | |\n|---|---|---|---|\n"
    return f"\n### `<{tag}>`, `{name}`\n\n{told}\n\n{head}{''.join(rows)}"


def props(text: str) -> Iterator[tuple[str, str, str]]:
    body = re.search(r"defineProps\(\{\n(.*?)\n\}\);", text, re.DOTALL)
    pattern = r"(?P<doc>  /\*\*(?:(?!\*/).)*\*/\n)?  (?P<name>\w+): \{(?P<what>.*?)\n?(?:  )?\},"
    for found in re.finditer(pattern, body.group(1) if body else "", re.DOTALL):
        kinds = re.findall(r"\b(String|Number|Boolean|Object|Array)\b", found["what"])
        comment = re.search(r"/\*\*.*?\*/", found["doc"] or "", re.DOTALL)
        kind = " or ".join(dict.fromkeys(one.lower() for one in kinds))
        yield found["name"], kind, jsdoc(comment)


def attribute(prop: str) -> str:
    return re.sub(r"(?=[A-Z])", "-", prop).lower()


def composable(name: str) -> str:
    text = (PACKAGE / "public/js/composables" / f"{name}.js").read_text()
    found = re.search(
        rf"(/\*\*(?:(?!\*/).)*\*/)\nexport function {name}\((.*?)\) \{{", text, re.DOTALL
    )
    if not found:
        raise ValueError(f"{name}.js exports no function of this name with a comment before it")
    lines = jsdoc_lines(found.group(1))
    comment = "\n".join(lines)
    tags = [number for number, line in enumerate(lines) if line.startswith("@")]
    told = "\n".join(lines[: tags[0]] if tags else lines).strip()
    example = re.search(r"@example\s+(.*?)(?=\n@|\Z)", comment, re.DOTALL)
    shown = f"\n\n```js\n{example.group(1).strip()}\n```" if example else ""
    parameters = ", ".join(
        re.findall(r"^@param .*\} \[?(\w+)\]?(?!\.)(?: |$)", "\n".join(lines), re.M)
    )
    return f"\n### `{name}({parameters})`\n\n{told}{shown}\n"


def jsdoc(found: re.Match[str] | None) -> str:
    return " ".join(jsdoc_lines(found.group(found.lastindex or 0))).strip() if found else ""


def jsdoc_lines(comment: str) -> list[str]:
    text = re.sub(r"^\s*/\*\*|\*/\s*$", "", comment.strip())
    return [re.sub(r"^\s*\* ?", "", line).rstrip() for line in text.splitlines()]


if __name__ == "__main__":
    main()

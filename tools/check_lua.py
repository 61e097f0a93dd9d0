"""Check the Lua scripts as Redis gets them: each with the parts that its family shares."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from presence_progress import rooms

SCRIPTS = Path(rooms.__file__).parent / "scripts"


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        for path in sorted(SCRIPTS.glob("[!_]*.lua")):
            (Path(folder) / path.name).write_text(rooms.source(path.stem))
        # 211, 231: what a shared part offers, not every script takes.
        return subprocess.run(
            [
                *("luacheck", "--std", "lua51", "--read-globals", "redis", "cjson", "KEYS", "ARGV"),
                *(
                    "--max-line-length",
                    "120",
                    "--ignore",
                    "211",
                    "231",
                    "--no-color",
                    "--quiet",
                    "--",
                ),
                *(str(path) for path in sorted(Path(folder).iterdir())),
            ],
            check=False,
        ).returncode


if __name__ == "__main__":
    sys.exit(main())

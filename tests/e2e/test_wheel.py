"""The wheel alone: installed into an empty environment, the demo runs without Node."""

from __future__ import annotations

import os
import subprocess
import sys
import urllib.request
import venv
import zipfile
from pathlib import Path

from tests.running import Demo

ROOT = Path(__file__).parents[2]


def test_the_demo_runs_from_the_wheel_without_node(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "build", "--wheel", "--outdir", str(tmp_path), str(ROOT)]
    subprocess.run(build, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    [wheel] = tmp_path.glob("*.whl")
    esm = "presence_progress/public/esm"
    with zipfile.ZipFile(wheel) as files:
        assert {f"{esm}/presence_progress.js", f"{esm}/types/index.d.ts"} <= set(files.namelist())
    venv.create(tmp_path / "empty", with_pip=True)
    python = tmp_path / "empty" / "bin" / "python"
    # Away from the checkout, and with nothing on PATH that could stand in for what is missing.
    environment = {**os.environ, "PATH": str(python.parent), "PYTHONPATH": ""}
    subprocess.run(
        [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", wheel],
        check=True,
        cwd=tmp_path,
        env=environment,
        stderr=subprocess.DEVNULL,
    )
    demo = Demo(tmp_path / "data", "--pace", "0", python=str(python), cwd=tmp_path, env=environment)
    try:
        for path in ("/login", "/static/app.js", "/static/presence_progress.js"):
            with urllib.request.urlopen(demo.url + path) as answer:
                assert answer.status == 200
        cookie = demo.sign_in("editor@example.com")
        assert demo.start_import(cookie)
        assert demo.count(cookie) >= 0
    finally:
        demo.close()

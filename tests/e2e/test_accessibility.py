"""Every page, light and dark, narrow and wide: no serious finding of axe-core."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import SignIn

AXE = Path(__file__).parents[2] / "frontend/node_modules/axe-core/axe.min.js"


@pytest.mark.usefixtures("airports")
@pytest.mark.parametrize("path", ["/", "/airport/00AA", "/count", "/login"])
@pytest.mark.parametrize("look", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1200])
def test_axe_finds_nothing_serious(sign_in: SignIn, path: str, look: Any, width: int) -> None:
    viewport = {"width": width, "height": 800}
    page = sign_in("editor@example.com", color_scheme=look, viewport=viewport).open(path)
    page.wait_for_load_state("networkidle")
    page.add_script_tag(path=AXE)
    result = page.evaluate("axe.run()")
    serious = [
        (finding["id"], [node["html"][:120] for node in finding["nodes"]])
        for finding in result["violations"]
        if finding["impact"] in ("serious", "critical")
    ]
    assert serious == []
    overflow = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert overflow <= 0, "the page is wider than its window"

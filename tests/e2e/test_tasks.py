"""One's own tasks, as the tray in the top bar shows them."""

from __future__ import annotations

import os
import re
import signal
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import SignIn
from tests.e2e.test_accessibility import AXE
from tests.running import Demo

EDITOR = "editor@example.com"

pytestmark = pytest.mark.usefixtures("no_airports")


def tray_of(page: Page) -> Any:
    return page.get_by_role("button", name=re.compile("^Tasks"))


def panel_of(page: Page) -> Any:
    return page.get_by_role("dialog", name="Tasks")


def test_the_tray_follows_an_import_to_its_end_and_forgets_it_once_it_was_read(
    demo: Demo, sign_in: SignIn
) -> None:
    person = sign_in(EDITOR)
    page, other = person.open(), person.open("/airport/00AA")
    demo.start_import(demo.sign_in(EDITOR))
    expect(tray_of(page)).to_have_accessible_name(re.compile("1 running"))
    tray_of(page).click()
    row = panel_of(page).get_by_role("listitem").first
    expect(row.get_by_role("progressbar")).to_have_attribute("aria-valuenow", re.compile(r"[1-9]"))
    row.get_by_role("button", name="Cancel Import airports").click()
    expect(row).to_contain_text("Cancelled by you")
    expect(row).to_contain_text("New")
    # Read here, it is read everywhere.
    expect(tray_of(other)).to_have_accessible_name("Tasks")

    page.keyboard.press("Escape")
    expect(panel_of(page)).to_have_count(0)
    expect(tray_of(page)).to_be_focused()
    person.problems.clear()  # the other page's airport is none


def test_an_import_whose_worker_is_killed_is_lost_on_screen(demo: Demo, sign_in: SignIn) -> None:
    page = sign_in(EDITOR).open()
    task_id = demo.start_import(demo.sign_in(EDITOR))
    task = page.locator(f"[data-task='{task_id}']")
    expect(task.get_by_role("progressbar")).to_have_attribute("aria-valuenow", re.compile(r"[1-9]"))
    # Its work horse dies with it.
    os.kill(demo.parts()[":long"], signal.SIGKILL)
    expect(task).to_contain_text(re.compile(r"The worker is gone. It had done [\d,]+ of [\d,]+\."))
    expect(task.get_by_role("button", name="Retry")).to_be_visible()
    expect(tray_of(page)).to_have_accessible_name(re.compile("1 new"))


@pytest.mark.parametrize("look", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1200])
def test_axe_finds_nothing_serious_in_the_open_tray(
    demo: Demo, sign_in: SignIn, look: Any, width: int
) -> None:
    viewport = {"width": width, "height": 800}
    page = sign_in(EDITOR, color_scheme=look, viewport=viewport).open()
    demo.start_import(demo.sign_in(EDITOR))
    tray_of(page).click()
    expect(panel_of(page).get_by_role("progressbar").first).to_be_visible()
    page.add_script_tag(path=AXE)
    result = page.evaluate("axe.run()")
    assert [one["id"] for one in result["violations"] if one["impact"] != "minor"] == []
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    box = panel_of(page).bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= width

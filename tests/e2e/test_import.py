"""A real import, watched live by two people."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import AIRPORTS, SignIn
from tests.running import Demo, children

EDITOR, VIEWER, NOBODY = "editor@example.com", "viewer@example.com", "no-access@example.com"


pytestmark = pytest.mark.usefixtures("no_airports")


def newest_task(page: Page) -> Any:
    """Return the part of the page that shows the import which is running, or ended last."""
    return page.locator(".tasks li").first


def percent_of(task: Any) -> int:
    return int(task.get_by_role("progressbar").get_attribute("aria-valuenow") or 0)


def start(page: Page) -> Any:
    """Start the import of the airports, and return the part of the page that shows it."""
    with page.expect_response("**/presence_progress.demo.import_csv") as response:
        page.get_by_role("button", name="Import the world\u2019s airports").click()
    task_id = response.value.json()["message"]["task_id"]
    return page.locator(f"[data-task='{task_id}']")


def test_an_import_is_seen_by_two_people_and_survives_a_reload(
    demo: Demo, administrator: str, sign_in: SignIn
) -> None:
    editor, viewer = sign_in(EDITOR), sign_in(VIEWER)
    here, there = editor.open(), viewer.open()
    task = start(here)
    expect(task).to_contain_text("Import airports")
    expect(task.get_by_role("progressbar")).to_have_attribute("aria-valuenow", re.compile(r"[1-9]"))
    expect(newest_task(there).get_by_role("progressbar")).to_have_attribute(
        "aria-valuenow", re.compile(r"[1-9]")
    )

    before = percent_of(task)
    # It waits for the browser, which on a busy machine needs longer for a reload than it has left.
    [horse] = children(demo.parts()[":long"])
    os.kill(horse, signal.SIGSTOP)
    try:
        here.reload()
        bar = task.get_by_role("progressbar")
        expect(bar).to_have_attribute("aria-valuenow", re.compile(r"\d"))
        assert before <= percent_of(task) < 100
    finally:
        os.kill(horse, signal.SIGCONT)

    for page in (here, there):
        expect(newest_task(page)).to_contain_text("Done", timeout=30_000)
        expect(newest_task(page)).to_contain_text(f"{AIRPORTS:,} of {AIRPORTS:,}")
        expect(page.locator(".big-count")).to_contain_text(f"{AIRPORTS:,}")
    assert demo.count(administrator) == AIRPORTS
    assert here.get_by_role("button", name="Cancel").count() == 0


def test_an_import_is_cancelled_and_what_was_committed_stays(
    demo: Demo, administrator: str, sign_in: SignIn
) -> None:
    editor, viewer = sign_in(EDITOR), sign_in(VIEWER)
    here, there = editor.open(), viewer.open()
    task = start(here)
    expect(newest_task(there)).to_contain_text("Running")
    assert there.get_by_role("button", name="Cancel").count() == 0, "it is not the viewer's"
    expect(task.get_by_role("progressbar")).to_have_attribute("aria-valuenow", re.compile(r"[1-9]"))
    task.get_by_role("button", name="Cancel").click()
    for page in (here, there):
        expect(newest_task(page)).to_contain_text("Cancelled")
    committed = demo.count(administrator)
    assert 0 < committed < AIRPORTS
    expect(here.locator(".big-count")).to_contain_text(f"{committed:,}")


def test_a_file_of_ones_own_shows_which_rows_were_wrong_and_why(
    demo: Demo, administrator: str, sign_in: SignIn, tmp_path: Path
) -> None:
    path = tmp_path / "mine.csv"
    path.write_text(
        "icao,name,lat,lon,country\n"
        "AAAA,Alpha,1,2,DE\n"
        "BBBB,,3,4,DE\n"
        "AAAA,Again,5,6,DE\n"
        "CCCC,Gamma,91,6,DE\n"
        "DDDD,Delta,7,8,DE\n"
    )
    page = sign_in(EDITOR).open()
    page.get_by_label("CSV file to import").set_input_files(path)
    task = newest_task(page)
    expect(task).to_contain_text("Import mine.csv")
    expect(task).to_contain_text("Done")
    task.get_by_text("3 errors").click()
    for row in ("Row 3", "Row 4", "Row 5"):
        expect(task).to_contain_text(row)
    expect(task).to_contain_text(re.compile("duplicate", re.IGNORECASE))
    assert demo.count(administrator) == 2


def test_a_file_that_is_no_table_fails_with_a_sentence(sign_in: SignIn, tmp_path: Path) -> None:
    path = tmp_path / "picture.csv"
    path.write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR")
    page = sign_in(EDITOR).open()
    page.get_by_label("CSV file to import").set_input_files(path)
    expect(newest_task(page)).to_contain_text("Failed")
    expect(newest_task(page).locator(".pp-task-error")).to_contain_text("CSV")


def test_whoever_may_not_read_is_told_so_calmly(sign_in: SignIn) -> None:
    person = sign_in(NOBODY)
    page = person.open()
    expect(page.locator("main")).to_contain_text("may not read")
    expect(page.locator("main")).to_contain_text("not permitted")
    assert page.get_by_role("progressbar").count() == 0
    person.problems.clear()  # the browser itself logs the site's 403

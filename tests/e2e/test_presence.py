"""Who else is here: two people and their tabs on one airport."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.e2e.conftest import CHROMIUM_ARGUMENTS, SignIn
from tests.running import Demo

EDITOR, VIEWER = "editor@example.com", "viewer@example.com"


# Milliseconds: what is promised, and a moment for the browsers.
GONE_WITHIN = 15_000 + 2_000
# Seconds: for so long at least a server that is killed counts as alive, and its viewers with it.
MISSED_AFTER = 7

pytestmark = pytest.mark.usefixtures("airports")


def people(page: Page) -> Locator:
    return page.locator(".people li")


def keep_history(page: Page) -> None:
    """Note every state that the list of viewers is in from now on."""
    page.evaluate(
        """() => {
            const list = document.querySelector(".people")
            window.seen = [list.innerText]
            const note = () => window.seen.push(list.innerText)
            const everything = { subtree: true, childList: true, characterData: true }
            new MutationObserver(note).observe(list, everything)
        }"""
    )


def test_viewers_come_edit_and_go_at_once(sign_in: SignIn) -> None:
    there = sign_in(VIEWER).open("/airport/00AA")
    expect(people(there)).to_have_count(1)
    here = sign_in(EDITOR).open("/airport/00AA")
    expect(people(there)).to_have_count(2)
    expect(there.locator(".people")).to_contain_text("Elif Editor")
    here.get_by_label("City").press_sequentially("x")
    expect(there.locator(".people")).to_contain_text("editing · City")
    expect(there.locator(".editing-hint")).to_contain_text("Elif is editing")
    here.close()
    # Well within the eight seconds that a lost connection would have.
    expect(people(there)).to_have_count(1, timeout=6000)
    expect(there.locator(".gone li")).to_contain_text("Elif Editorwas here a moment ago")


def test_two_tabs_of_one_person_are_one_viewer(sign_in: SignIn) -> None:
    there = sign_in(VIEWER).open("/airport/00AK")
    editor = sign_in(EDITOR)
    one, two = editor.open("/airport/00AK"), editor.open("/airport/00AK")
    expect(people(there)).to_have_count(2)
    expect(people(two)).to_have_count(2)
    keep_history(there)
    one.close()
    two.get_by_label("City").press_sequentially("x")
    expect(there.locator(".people")).to_contain_text("editing · City")
    assert all("Elif" in seen for seen in there.evaluate("seen"))
    two.close()
    expect(people(there)).to_have_count(1, timeout=6000)


def test_a_reload_shows_others_nothing(sign_in: SignIn) -> None:
    there = sign_in(VIEWER).open("/airport/00AL")
    here = sign_in(EDITOR).open("/airport/00AL")
    expect(people(there)).to_have_count(2)
    keep_history(there)
    for _ in range(3):
        here.reload()
        expect(people(here)).to_have_count(2)
    here.get_by_label("City").press_sequentially("x")
    expect(there.locator(".people")).to_contain_text("editing · City")
    assert all("Elif" in seen for seen in there.evaluate("seen"))


def test_the_list_shows_who_has_which_airport_open(sign_in: SignIn) -> None:
    there = sign_in(VIEWER).open("/")
    here = sign_in(EDITOR).open("/airport/00AN")
    faces = there.locator("[data-name='00AN'] [data-user]")
    expect(faces).to_have_count(1)
    expect(faces).to_have_attribute("data-user", EDITOR)
    here.get_by_role("link", name="Airports").first.click()
    expect(faces).to_have_count(0)
    here.get_by_role("link", name="Lowell Field").click()
    expect(there.locator("[data-name='00AK'] [data-user]")).to_have_count(1)


def test_a_killed_server_is_found_again_and_nobody_is_lost(sign_in: SignIn, demo: Demo) -> None:
    viewer, editor = sign_in(VIEWER), sign_in(EDITOR)
    there, here = viewer.open("/airport/00AR"), editor.open("/airport/00AR")
    expect(people(there)).to_have_count(2)
    keep_history(there)
    os.kill(demo.parts()["cli serve"], signal.SIGKILL)
    killed = time.monotonic()
    here.get_by_label("City").press_sequentially("x")
    # Where a busy machine starts a server slowly, he has stopped typing by then.
    expect(there.locator(".people")).to_contain_text("· City", timeout=60_000)
    took = time.monotonic() - killed
    history = there.evaluate("seen")
    for person in (viewer, editor):
        person.problems.clear()  # the browser itself logs each connection that failed
    if took > MISSED_AFTER:
        pytest.skip(f"the server was away for {took:.0f} s: whoever looked on may be missed")
    assert any("editing · City" in seen for seen in history)
    assert all("Elif" in seen and "Vikram" in seen for seen in history)


@pytest.fixture
def browser_of_its_own(chromium: Browser) -> Iterator[Browser]:
    """A second browser, of which all pages can be stopped."""
    browser = chromium.browser_type.launch(
        executable_path=shutil.which("chromium"), args=CHROMIUM_ARGUMENTS
    )
    yield browser
    browser.close()


def test_a_page_that_froze_is_gone_for_others_and_comes_back_by_itself(
    sign_in: SignIn, browser_of_its_own: Browser
) -> None:
    there = sign_in(VIEWER).open("/airport/00CA")
    editor = sign_in(EDITOR, browser=browser_of_its_own)
    here = editor.open("/airport/00CA")
    expect(people(there)).to_have_count(2)
    processes = browser_of_its_own.new_browser_cdp_session().send("SystemInfo.getProcessInfo")
    renderers = [one["id"] for one in processes["processInfo"] if one["type"] == "renderer"]
    for pid in renderers:
        os.kill(pid, signal.SIGSTOP)
    try:
        expect(people(there)).to_have_count(1, timeout=GONE_WITHIN)
    finally:
        for pid in renderers:
            os.kill(pid, signal.SIGCONT)
    expect(people(there)).to_have_count(2)
    expect(people(here)).to_have_count(2)
    editor.problems.clear()  # the browser itself logs the connection that it lost


def test_two_people_who_edit_one_airport_are_warned(sign_in: SignIn) -> None:
    here = sign_in(EDITOR).open("/airport/00FA")
    there = sign_in("Administrator").open("/airport/00FA")
    expect(people(there)).to_have_count(2)
    here.get_by_label("City").press_sequentially("x")
    expect(there.locator(".field-editor")).to_have_text("Elif Editor")
    expect(there.locator(".contest")).to_be_empty()
    there.get_by_label("Region").press_sequentially("y")
    expect(there.locator(".contest")).to_have_text("Elif Editor is editing this too")
    expect(here.locator(".contest")).to_have_text("Ada Administrator is editing this too")
    # Said by the page itself, well before the server would.
    expect(here.locator(".contest")).to_be_empty()


def test_who_is_on_the_site_is_seen_unless_invisible(sign_in: SignIn) -> None:
    there, here = sign_in(VIEWER).open("/"), sign_in(EDITOR).open("/")
    faces = there.locator(".pp-online [data-user]")
    expect(faces).to_have_count(2)
    expect(there.locator(".pp-online-count")).to_have_text("2 online")
    invisible = here.get_by_role("switch", name="Invisible")
    invisible.click()
    expect(invisible).to_be_checked()
    expect(faces).to_have_count(1)
    expect(there.locator(".pp-online-count")).to_have_text("1 online")
    invisible.click()
    expect(faces).to_have_count(2)

"""Who else is here: two people and their tabs on one airport."""

from __future__ import annotations

import os
import signal

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.conftest import SignIn
from tests.running import Demo

EDITOR, VIEWER = "editor@example.com", "viewer@example.com"


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
    here.get_by_label("City").press_sequentially("x")
    expect(there.locator(".people")).to_contain_text("editing · City", timeout=20_000)
    assert all("Elif" in seen and "Vikram" in seen for seen in there.evaluate("seen"))
    for person in (viewer, editor):
        person.problems.clear()  # the browser itself logs each connection that failed

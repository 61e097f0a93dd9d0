"""The gallery: every component in every state, light and dark, narrow, right to left, in German.

No picture is compared with an earlier one. Each version of a font and of Chromium draws letters in
its own way, so such a comparison is red on every other machine, or so lenient that it sees nothing.
What a picture would tell is measured instead: nothing sticks out of its box, nothing lies on
something else, no text is cut off that cannot be read otherwise, colours have contrast (axe-core).
The pictures are made all the same, in screenshots/, for people to look at.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.conftest import SignIn
from tests.e2e.test_accessibility import AXE

SCREENSHOTS = Path(__file__).parents[2] / "screenshots"

LOOKS: dict[str, tuple[str, int]] = {
    "light": ("theme=light", 1280),
    "dark": ("theme=dark", 1280),
    "narrow-right-to-left": ("theme=light&dir=rtl", 360),
    "narrow-dark-german": ("theme=dark&lang=de", 360),
}

MISPLACED = """() => {
  const found = [];
  const within = (inner, outer) => inner.left >= outer.left - 1 && inner.right <= outer.right + 1;
  const apart = (a, b) => a.right <= b.left + 1 || b.right <= a.left + 1
    || a.bottom <= b.top + 1 || b.bottom <= a.top + 1;
  for (const stage of document.querySelectorAll(".stage")) {
    const box = stage.getBoundingClientRect();
    const note = (what, element) => found.push(
      `${stage.closest("section").id}, ${stage.parentElement.dataset.specimen}: ` +
      `${element.tagName} ${element.className} ${what}`);
    for (const element of stage.querySelectorAll("*")) {
      const style = getComputedStyle(element);
      const rect = element.getBoundingClientRect();
      // Tips are moved into the window when they are shown.
      if (!rect.width || element.closest(".pp-tip, svg, .pp-bar, .pp-tray-panel")) continue;
      const scroller = element.parentElement.closest(".pp-messages, .pp-traceback");
      if (!scroller && !within(rect, box)) note("sticks out", element);
      const isCut = element.scrollWidth > element.clientWidth + 1 && style.overflowX === "hidden";
      if (isCut && !element.title) note("is cut off, with nothing that says it all", element);
      if (element.matches(".pp-viewers, .pp-tray-button, .pp-avatar")) continue;
      const children = [...element.children].filter((child) =>
        child.getBoundingClientRect().width && !child.matches("svg, .pp-tip"));
      children.forEach((child, index) => children.slice(index + 1).forEach((other) => {
        if (!apart(child.getBoundingClientRect(), other.getBoundingClientRect()))
          note(`lies under ${other.className}`, child);
      }));
    }
  }
  return found;
}"""


def case(page: Page, section: str, name: str) -> Locator:
    return page.locator(f"#{section}").locator(f'[data-specimen="{name}"]')


def open_gallery(sign_in: SignIn, query: str, width: int = 1280, **options: Any) -> Page:
    viewport = {"width": width, "height": 900}
    page = sign_in("viewer@example.com", viewport=viewport, **options).open(f"/gallery?{query}")
    expect(case(page, "live-count", "one")).to_contain_text("1")
    return page


def findings(page: Page, where: str = "document") -> list[Any]:
    """Return whatever axe-core finds, be it ever so small."""
    result = page.evaluate(f"axe.run({where})")
    return [
        (one["id"], [(node["target"], node["failureSummary"][:200]) for node in one["nodes"]])
        for one in result["violations"]
    ]


@pytest.mark.parametrize("look", LOOKS)
def test_every_state_is_sound_in_every_look(sign_in: SignIn, look: str) -> None:
    query, width = LOOKS[look]
    page = open_gallery(sign_in, f"motion=still&{query}", width)
    # All that is folded is looked at, too.
    page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
    expect(case(page, "task-progress", "failed").locator(".pp-traceback")).to_be_visible()
    expect(case(page, "task-progress", "offline").locator(".pp-task-hint")).to_be_visible()
    page.add_script_tag(path=AXE)
    SCREENSHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"gallery-{look}.png", full_page=True)

    assert page.evaluate(MISPLACED) == []
    overflow = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert overflow <= 0, "the page is wider than its window"
    assert findings(page) == []

    for name in ("every state", "long names, right to left"):
        tray = case(page, "task-tray", name)
        tray.get_by_role("button").click()
        panel = tray.get_by_role("dialog")
        expect(panel.get_by_role("progressbar").first).to_be_visible()
        panel.screenshot(path=SCREENSHOTS / f"gallery-{look}-tray-{name.split()[0]}.png")
        box = panel.bounding_box()
        assert box and box["x"] >= 0 and box["x"] + box["width"] <= width
        assert panel.evaluate("panel => panel.scrollWidth - panel.clientWidth") <= 0
        assert findings(page, "'.pp-tray-panel'") == []
        page.keyboard.press("Escape")
        expect(panel).not_to_be_visible()


def test_a_keyboard_reaches_all_there_is_and_shows_where_it_is(sign_in: SignIn) -> None:
    page = open_gallery(sign_in, "motion=still&theme=light")
    expected = page.evaluate(
        """() => {
          const wanted = "a[href], button:not(:disabled), select, summary, [tabindex='0']";
          window.reachable = [...document.querySelectorAll(wanted)]
            .filter((one) => one.checkVisibility());
          window.missed = new Set(window.reachable);
          window.unseen = [];
          addEventListener("focusin", ({ target }) => {
            window.missed.delete(target);
            const { outlineStyle, outlineWidth } = getComputedStyle(target);
            if (outlineStyle === "none" || parseFloat(outlineWidth) < 1)
              window.unseen.push(target.outerHTML.slice(0, 120));
          });
          return window.reachable.length;
        }"""
    )
    assert expected > 100
    for _ in range(expected + 1):
        page.keyboard.press("Tab")
    # What was disabled meanwhile, as a task went on, is reached by nobody.
    missed = (
        "[...window.missed].filter((one) => !one.disabled)"
        ".map((one) => one.outerHTML.slice(0, 120))"
    )
    assert page.evaluate(missed) == []
    assert page.evaluate("window.unseen") == []


def test_a_tip_is_shown_to_the_keyboard_and_stays_in_the_window(sign_in: SignIn) -> None:
    page = open_gallery(sign_in, "motion=still&theme=light", 360)
    buttons = case(page, "doc-viewers", "long names").get_by_role("button")
    buttons.first.focus()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Tab")
    tip = buttons.first.locator(".pp-tip")
    expect(tip).to_have_css("opacity", "1")
    box = tip.bounding_box()
    assert box and box["x"] >= 0 and box["x"] + box["width"] <= 360


def test_the_tray_is_opened_walked_through_and_left_with_the_keyboard(sign_in: SignIn) -> None:
    page = open_gallery(sign_in, "motion=still&theme=light")
    tray = case(page, "task-tray", "every state")
    button = tray.get_by_role("button", name="Tasks", exact=False).first
    button.focus()
    page.keyboard.press("Enter")
    panel = tray.get_by_role("dialog", name="Tasks")
    expect(panel).to_be_focused()
    expect(button).to_have_attribute("aria-expanded", "true")
    cancel = panel.get_by_role("button", name="Cancel Importing airports.csv").first
    # Before the first task is there, a tab leads out of the panel, which closes it.
    expect(cancel).to_be_visible()
    page.keyboard.press("Tab")
    expect(cancel).to_be_focused()
    page.keyboard.press("Enter")
    expect(panel.locator('[data-state="cancelled"]')).to_have_count(2)
    page.keyboard.press("Escape")
    expect(panel).not_to_be_visible()
    expect(button).to_be_focused()


def test_nothing_moves_for_those_who_want_no_motion(sign_in: SignIn) -> None:
    running = "document.getAnimations().filter((one) => one.playState === 'running').length"
    page = open_gallery(sign_in, "theme=light")
    assert page.evaluate(running) > 0
    page = open_gallery(sign_in, "theme=light", reduced_motion="reduce")
    assert page.evaluate(running) == 0
    case(page, "task-tray", "every state").get_by_role("button").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    assert page.evaluate(running) == 0


def test_a_screen_reader_is_told_each_state(sign_in: SignIn) -> None:
    page = open_gallery(sign_in, "motion=still&theme=light")

    def spoken(name: str) -> Any:
        bar = case(page, "task-progress", name).get_by_role("progressbar")
        expect(bar).to_have_accessible_name("Importing airports.csv")
        return bar.get_attribute("aria-valuetext")

    assert spoken("running") == "Running, 43 %, 12,340 of 28,298"
    assert spoken("running, in stages") == "Running, 2 of 3: Importing, 43 %, 12,340 of 28,298"
    assert spoken("running, total unknown") == "Running, 12,340 done"
    assert spoken("lost") == "Lost, The worker is gone. It had done 12,340 of 28,298."
    expect(case(page, "task-progress", "failed")).to_match_aria_snapshot(
        """
        - figure:
          - group "Importing airports.csv":
            - text: Importing airports.csv Failed
            - button "Retry"
            - progressbar "Importing airports.csv"
        """
    )
    expect(case(page, "doc-viewers", "two edit at once")).to_match_aria_snapshot(
        """
        - figure:
          - list "Viewing now":
            - listitem:
              - button "Ada Lovelace (you) editing"
            - listitem:
              - button "Grace Hopper editing"
          - paragraph: Grace Hopper is editing this too
        """
    )
    tray = case(page, "task-tray", "running, and unread").get_by_role("button")
    expect(tray).to_have_accessible_name("Tasks, 2 running, 2 new")
    switch = case(page, "online-users", "invisible").get_by_role("switch")
    expect(switch).to_be_checked()


def test_german_is_spoken_where_the_page_is_german(sign_in: SignIn) -> None:
    page = open_gallery(sign_in, "motion=still&theme=light&lang=de")
    running = case(page, "task-progress", "running")
    expect(running).to_contain_text("12.340 von 28.298")
    expect(running).to_contain_text("noch 20 s")
    expect(running.get_by_role("button")).to_have_text("Abbrechen")
    expect(case(page, "task-tray", "one runs").get_by_role("button")).to_have_accessible_name(
        "Vorgänge, 1 in Arbeit"
    )
    page.get_by_label("Language").select_option("en")
    expect(running).to_contain_text("12,340 of 28,298")

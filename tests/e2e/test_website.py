"""Web pages as a site makes them: what Frappe puts around a page, and our loader after it."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from presence_progress import context, counts
from tests.e2e.conftest import SignIn
from tests.running import Demo

EDITOR = "editor@example.com"
pytestmark = pytest.mark.usefixtures("in_the_demo")

ARTICLE = """
<div id="app"><p>Count: {{ count }}</p></div>
<script>
frappe.ready(() => {
    setTimeout(() => {
        new Vue({
            el: "#app",
            data: { count: 0 },
            mounted() {
                frappe.realtime.on("count", (data) => { this.count = data.count; });
            }
        });
    }, WAIT);
});
</script>
"""


@pytest.fixture
def in_the_demo(demo: Demo, monkeypatch: pytest.MonkeyPatch) -> None:
    place = context._Place("demo.localhost", None, demo.redis_url)
    monkeypatch.setattr(context, "_configured", place)


@pytest.fixture
def guest(demo: Demo, chromium: Browser) -> Iterator[Page]:
    page = chromium.new_context().new_page()
    page.goto(f"{demo.url}/try/guest")
    yield page
    page.context.close()


def save(demo_data: Path, name: str, html: str) -> None:
    (demo_data / "try" / f"{name}.html").write_text(html)


def loaded(page: Page) -> set[str]:
    """Return the scripts that the page has loaded by itself."""
    names = page.evaluate("performance.getEntriesByType('resource').map(({ name }) => name)")
    return {name.rpartition("/")[2].removesuffix(".js") for name in names if name.endswith(".js")}


def publish_until(page: Page, selector: str, text: str, **message: Any) -> None:
    """Tell a plain event until somebody listens: of those nothing is kept for later."""
    deadline = time.monotonic() + 15
    while text not in (page.locator(selector).text_content() or ""):
        assert time.monotonic() < deadline
        counts.publish_realtime("count", message, user=EDITOR)
        time.sleep(0.1)


@pytest.mark.parametrize("wait", ["0", "300"])
def test_the_page_of_the_article_runs_as_written(
    demo_data: Path, sign_in: SignIn, wait: str
) -> None:
    save(demo_data, "article", ARTICLE.replace("WAIT", wait))
    page = sign_in(EDITOR).open("/try/article")
    expect(page.locator("#app")).to_have_text("Count: 0")
    publish_until(page, "#app", "Count: 41", count=41)
    assert loaded(page) == {"website", "presence_progress_web", "presence_progress_vue2"}


def test_an_instance_can_be_used_before_vue_is_there(demo_data: Path, sign_in: SignIn) -> None:
    save(
        demo_data,
        "early",
        """<div id="app">{{ count }} <twice :value="count"></twice></div><script>
        frappe.ready(() => {
            Vue.component("twice", { props: ["value"], template: "<b>{{ value * 2 }}</b>" });
            const app = new Vue({
                el: "#app",
                data() { return { count: 1 }; },
                methods: { add(n) { this.count += n; } },
            });
            app.count = 20;
            app.add(app.count / 10);
        });
        </script>""",
    )
    page = sign_in(EDITOR).open("/try/early")
    expect(page.locator("#app")).to_have_text("22 44")


@pytest.mark.usefixtures("airports")
def test_elements_are_loaded_when_there_are_some(demo_data: Path, sign_in: SignIn) -> None:
    save(demo_data, "later", "<h1>Nothing yet</h1>")
    page = sign_in(EDITOR).open("/try/later")
    page.wait_for_load_state("networkidle")
    assert loaded(page) == {"website", "presence_progress_web"}
    assert not page.evaluate("frappe.realtime.socket.active"), "nobody listens, nothing connects"

    counts.set("later", 5, scope="website")
    page.evaluate(
        """document.querySelector("h1").innerHTML =
        '<live-count scope="website" name="later"></live-count>'"""
    )
    expect(page.locator("h1")).to_have_text("5")
    assert loaded(page) == {
        *("website", "presence_progress_web"),
        *("presence_progress_vue", "presence_progress_counts"),
    }

    page.evaluate(
        """document.body.insertAdjacentHTML("beforeend", `<div id=more>
        <doc-viewers doctype="Airport" name="KJFK" enter></doc-viewers>
        <task-tray></task-tray><task-progress task-id="nothing"></task-progress>
        <online-users></online-users></div>`)"""
    )
    expect(page.locator("doc-viewers [data-user]")).to_have_count(1)
    expect(page.locator("task-tray button").first).to_be_visible()
    sockets = page.evaluate(
        "performance.getEntriesByType('resource').filter(({ name }) => "
        "name.includes('/socket.io/') && !name.includes('sid=')).length"
    )
    assert sockets == 1, "all elements share the page's one connection"


def test_one_scripts_error_is_not_the_end_of_the_others(demo_data: Path, sign_in: SignIn) -> None:
    save(
        demo_data,
        "throws",
        """<p id="count"></p><live-count scope="website" name="throws"></live-count><script>
        frappe.ready(() => { throw new Error("somebody else's"); });
        frappe.ready(() => frappe.realtime.on("count", ({ count }) => {
            document.querySelector("#count").textContent = count;
        }));
        </script>""",
    )
    counts.set("throws", 3, scope="website")
    person = sign_in(EDITOR)
    page = person.open("/try/throws")
    expect(page.locator("live-count")).to_have_text("3")
    publish_until(page, "#count", "7", count=7)
    # As loud as it was.
    [problem] = person.problems
    assert "somebody else's" in problem
    person.problems.clear()


@pytest.mark.usefixtures("airports")
def test_a_page_outlives_its_server(demo: Demo, demo_data: Path, sign_in: SignIn) -> None:
    save(
        demo_data,
        "outlives",
        """<p id="count"></p><p id="changed"></p>
        <live-count scope="website" name="outlives"></live-count><script>
        frappe.ready(() => {
            frappe.realtime.on("count", ({ count }) => {
                document.querySelector("#count").textContent = count;
            });
            frappe.realtime.doc_subscribe("Airport", "KJFK");
            frappe.realtime.on("told", ({ value }) => {
                document.querySelector("#changed").textContent = value;
            });
        });
        </script>""",
    )
    counts.set("outlives", 1, scope="website")
    person = sign_in(EDITOR)
    page = person.open("/try/outlives")
    expect(page.locator("live-count")).to_have_text("1")
    page.wait_for_function("frappe.realtime.socket.connected")
    first = page.evaluate("frappe.realtime.socket.id")

    os.kill(demo.parts()["cli serve"], signal.SIGKILL)
    counts.set("outlives", 2, scope="website")
    expect(page.locator("live-count")).to_have_text("2", timeout=20_000)
    assert page.evaluate("frappe.realtime.socket.id") != first
    publish_until(page, "#count", "8", count=8)

    deadline = time.monotonic() + 15
    while page.locator("#changed").text_content() != "again":
        assert time.monotonic() < deadline, "not in the document's room any more"
        counts.publish_realtime("told", {"value": "again"}, doctype="Airport", docname="KJFK")
        time.sleep(0.1)
    person.problems.clear()  # the browser itself logs each connection that failed


def test_a_guest_sees_what_is_for_everybody(demo_data: Path, request: Any) -> None:
    save(
        demo_data,
        "guest",
        """<live-count scope="website" name="public"></live-count>
        <live-count scope="site" name="internal"></live-count>""",
    )
    counts.set("public", 12, scope="website")
    counts.set("internal", 13, scope="site")
    page: Page = request.getfixturevalue("guest")
    everybody, internal = (page.locator("live-count").nth(number) for number in range(2))
    expect(everybody).to_have_text("12")
    counts.add("public", 1, scope="website")
    expect(everybody).to_have_text("13")
    hint = internal.locator("span")
    expect(hint).to_have_attribute("title", "You may not see this number.")
    expect(internal).to_have_text("\u2013")

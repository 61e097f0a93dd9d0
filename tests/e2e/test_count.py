"""Counts on a page: the article's own, as it was written, with and without its setTimeout; and how
many documents somebody may see."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import Route, expect

from tests.e2e.conftest import AIRPORTS, SignIn
from tests.running import Demo

FOR_LOOP = """
from presence_progress.counts import publish_realtime
for i in range(100):
    publish_realtime(event="count", user="Administrator", message={"count": i})
"""


def test_the_button_counts_to_a_hundred(sign_in: SignIn) -> None:
    page = sign_in("Administrator").open("/count")
    expect(page.locator("#app")).to_have_text("Count: 0")
    # Of plain events nothing is kept for who comes later.
    page.wait_for_function("frappe.realtime.socket?.connected")
    page.get_by_role("button", name="Count to a hundred").click()
    expect(page.locator("#app")).to_have_text(re.compile(r"Count: [1-9]\d?$"))
    expect(page.locator("#app")).to_have_text("Count: 99", timeout=20_000)


@pytest.mark.parametrize("wait", [False, True], ids=["as it is", "with the original's setTimeout"])
def test_a_python_prompt_counts_to_a_hundred(demo: Demo, sign_in: SignIn, wait: bool) -> None:
    person = sign_in("Administrator")
    page = person.context.new_page()

    def with_timeout(route: Route) -> None:
        reply = route.fetch()
        body = re.sub(
            r"frappe\.ready\((.*?)\);\s*</script>",
            lambda match: (
                "frappe.ready(() => setTimeout("
                + match[1].strip().rstrip(",")
                + ", 2000));</script>"
            ),
            reply.text(),
            count=1,
            flags=re.DOTALL,
        )
        assert "setTimeout(" in body
        route.fulfill(response=reply, body=body)

    if wait:
        page.route("**/count", with_timeout)
    page.goto(f"{demo.url}/count")
    expect(page.locator("#app")).to_have_text("Count: 0")
    page.wait_for_function("frappe.realtime.socket?.connected")
    environment = {
        **os.environ,
        "PRESENCE_PROGRESS_REDIS": demo.redis_url,
        "PRESENCE_PROGRESS_SITE": "demo.localhost",
    }
    subprocess.run([sys.executable, "-c", FOR_LOOP], env=environment, check=True)
    expect(page.locator("#app")).to_have_text("Count: 99")


QUERIES = """
<script type="module" src="/static/presence_progress.js"></script>
<p>All: <live-count doctype="Airport"></live-count></p>
<p>Here: <live-count doctype="Airport" filters='{"city": "Testville"}'></live-count></p>
<p>Wrong: <live-count doctype="Airport" filters="city=Testville"></live-count></p>
"""


@pytest.mark.usefixtures("no_airports")
def test_a_live_query_follows_what_others_save(
    demo: Demo, demo_data: Path, administrator: str, sign_in: SignIn
) -> None:
    (demo_data / "try" / "queries.html").write_text(QUERIES)
    viewer, editor = sign_in("viewer@example.com"), sign_in("editor@example.com")
    page = viewer.open("/try/queries")
    everything, here, wrong = (page.locator("live-count").nth(number) for number in range(3))
    for count in (everything, here):
        expect(count).to_have_text("0")
    expect(wrong).to_have_text("The filters are neither an object nor a list in JSON.")

    airports = f"{demo.url}/api/resource/Airport"
    for number in range(3):
        airport = {"icao": f"XTE{number}", "airport_name": "Test", "city": "Testville"}
        where = {"latitude": 1, "longitude": 1}
        assert editor.context.request.post(airports, data={**airport, **where}).ok
    expect(here).to_have_text("3")
    assert editor.context.request.put(f"{airports}/XTE0", data={"city": "Elsewhere"}).ok
    expect(here).to_have_text("2")
    expect(everything).to_have_text("3")
    page.reload()
    expect(here).to_have_text("2")

    # An import tells of its batches, not of its rows.
    demo.start_import(administrator)
    expect(everything).to_have_text(f"{AIRPORTS + 3:,}", timeout=60_000)
    for number in range(3):
        assert editor.context.request.delete(f"{airports}/XTE{number}").ok
    expect(here).to_have_text("0")
    expect(everything).to_have_text(f"{AIRPORTS:,}")


def test_whoever_may_read_nothing_is_shown_no_number(demo_data: Path, sign_in: SignIn) -> None:
    (demo_data / "try" / "queries.html").write_text(QUERIES)
    page = sign_in("no-access@example.com").open("/try/queries")
    count = page.locator("live-count").first.locator("span")
    expect(count).to_have_attribute("title", "You may not see this number.")
    expect(count).to_have_text("\u2013")

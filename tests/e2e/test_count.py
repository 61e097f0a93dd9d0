"""The article's own page: as it was written, with and without its setTimeout."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest
from playwright.sync_api import Route, expect

from tests.e2e.conftest import SignIn
from tests.running import Demo

FOR_LOOP = """
from presence_progress.counts import publish_realtime
for i in range(100):
    publish_realtime(event="count", user="Administrator", message={"count": i})
"""


def test_the_button_counts_to_a_hundred(sign_in: SignIn) -> None:
    page = sign_in("Administrator").open("/count")
    expect(page.locator("#app")).to_have_text("Count: 0")
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

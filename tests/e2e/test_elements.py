"""One tag on any page: the README's own page, saved and opened as it says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from presence_progress import context, counts, progress
from tests.e2e.conftest import SignIn
from tests.running import Demo

README = (Path(__file__).parents[2] / "README.md").read_text()
EDITOR, VIEWER = "editor@example.com", "viewer@example.com"


@pytest.fixture
def in_the_demo(demo: Demo, monkeypatch: pytest.MonkeyPatch) -> None:
    place = context._Place("demo.localhost", None, demo.redis_url)
    monkeypatch.setattr(context, "_configured", place)


def example(language: str) -> str:
    [code] = re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)
    return str(code)


@pytest.mark.usefixtures("airports", "in_the_demo")
def test_the_page_of_the_readme_works_as_pasted(demo_data: Path, sign_in: SignIn) -> None:
    (demo_data / "try" / "hello.html").write_text(example("html"))
    here, there = sign_in(EDITOR).open("/try/hello"), sign_in(VIEWER).open("/try/hello")
    for page in (here, there):
        # The elements' shadow roots are open: a person reads what is in them, and so does this.
        expect(page.locator("doc-viewers [data-user]")).to_have_count(2)
    expect(here.locator("h1")).to_contain_text(re.compile(r"[\d,]{3,} airports"))
    expect(there.locator("[doctype=Airport][filters]")).to_have_text(re.compile(r"^\d+$"))
    counts.publish_realtime("count", {"count": 41}, user=EDITOR)
    expect(here.locator("[event=count]")).to_contain_text("41")
    # Not the total of the airports: the site tells that one again every few seconds.
    counts.set("visits", 1234567, scope="website")
    expect(there.locator("[name=visits]")).to_contain_text("1,234,567")
    there.close()
    expect(here.locator("doc-viewers [data-user]")).to_have_count(1, timeout=6000)


@pytest.mark.usefixtures("airports", "in_the_demo")
def test_the_python_of_the_readme_works_as_pasted(demo_data: Path, sign_in: SignIn) -> None:
    (demo_data / "try" / "hello.html").write_text(example("html"))
    viewer = sign_in(VIEWER)
    page, own_page = viewer.open("/"), viewer.open("/try/hello")
    faster = example("python").replace("time.sleep(0.02)", "time.sleep(0.002)")
    exec(faster, {})
    expect(page.locator(".tasks li").first).to_contain_text("Counting rows")
    expect(page.locator(".tasks li").first).to_contain_text("500 of 500")
    expect(own_page.locator("[name=visits]")).to_contain_text("507")


@pytest.mark.usefixtures("in_the_demo")
def test_a_task_in_one_tag_can_be_cancelled(demo_data: Path, sign_in: SignIn) -> None:
    with pytest.raises(progress.TaskCancelled), progress.Task("Tag", total=9, user=EDITOR) as task:
        (demo_data / "try" / "task.html").write_text(
            '<script type="module" src="/static/presence_progress.js"></script>'
            f'<task-progress task-id="{task.id}"></task-progress>'
        )
        page = sign_in(EDITOR).open("/try/task")
        task.advance(4)
        expect(page.locator("task-progress")).to_contain_text("4 of 9")
        page.get_by_role("button", name="Cancel").click()
        expect(page.locator("task-progress")).to_contain_text("Cancelling")
        while True:  # until the job hears of it, within one flush
            task.advance()
    expect(page.locator("task-progress")).to_contain_text("Cancelled")

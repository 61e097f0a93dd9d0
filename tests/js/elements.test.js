import { nextTick } from "vue";
import { expect, it } from "vitest";
import "../../presence_progress/public/js/presence_progress.bundle.js";
import { stubClient } from "./stubs.js";

it("makes one tag on a page show what is live, with a look of its own", async () => {
  const stub = stubClient();
  document.body.innerHTML = `
    <live-count scope="website" name="visits"></live-count>
    <task-progress task-id="t1"></task-progress>
    <task-tray user="ada@example.com"></task-tray>
    <doc-viewers doctype="Airport" name="LTFM"></doc-viewers>
    <online-users count-only></online-users>`;
  await nextTick();
  expect(stub.socket.take("room_watch").sort()).toEqual([
    "count:website/visits",
    "online:count",
    "presence:Airport/LTFM",
    "task:t1",
    "tasks:ada@example.com",
  ]);

  stub.state("count:website/visits", { value: 7 });
  stub.state("task:t1", { title: "Import", state: "running", done: 1, total: 2, percent: 50 });
  await nextTick();
  const root = (/** @type {string} */ tag) => document.querySelector(tag)?.shadowRoot;
  expect(root("live-count")?.textContent).toContain("7");
  expect(root("task-progress")?.querySelector("[role=progressbar]")).not.toBeNull();
  expect(root("task-progress")?.innerHTML).toContain(".pp-task {");

  // What is inside a shadow root counts as inside.
  const tray = root("task-tray");
  tray?.querySelector("button")?.click();
  await nextTick();
  const panel = tray?.querySelector("[role=dialog]");
  panel?.dispatchEvent(new Event("pointerdown", { bubbles: true, composed: true }));
  await nextTick();
  expect(tray?.querySelector("[role=dialog]")).not.toBeNull();

  document.body.replaceChildren();
  await nextTick();
  await nextTick();
  expect(stub.socket.take("room_unwatch")).toHaveLength(5);
});

import { flushPromises, mount } from "@vue/test-utils";
import { nextTick } from "vue";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import TaskTray from "../../presence_progress/public/js/components/TaskTray.vue";
import { stubClient } from "./stubs.js";

const ADA = "ada@example.com";
const ROOM = `tasks:${ADA}`;

/** @type {ReturnType<typeof stubClient>} */
let stub;
/** @type {import("@vue/test-utils").VueWrapper<any>} */
let wrapper;

beforeEach(() => {
  vi.useFakeTimers({
    now: 1_000_000,
    toFake: ["setTimeout", "clearTimeout", "Date", "performance"],
  });
  Object.defineProperty(document, "hidden", { configurable: true, get: () => false });
  Object.assign(window, { frappe: { session: { user: ADA } } });
  document.documentElement.lang = "en";
  stub = stubClient();
});

afterEach(() => {
  wrapper.unmount();
  delete (/** @type {any} */ (window).frappe);
  vi.unstubAllGlobals();
});

/** @param {string} title @param {number} queuedAt */
const runs = (title, queuedAt = 1) => ({
  title,
  state: "running",
  user: ADA,
  queued_at: queuedAt,
  ended_at: null,
});
/** @param {string} title @param {number} endedAt */
const ends = (title, endedAt, state = "done") => ({
  title,
  state,
  user: ADA,
  queued_at: 1,
  ended_at: endedAt,
});

/** @param {Record<string, any>} [state] @param {Record<string, any>} [props] */
async function mountTray(state = {}, props = {}) {
  wrapper = mount(TaskTray, { props, attachTo: document.body });
  stub.state(ROOM, state);
  await nextTick();
}

const button = () => wrapper.get(".pp-tray-button");
const panel = () => wrapper.find("[role=dialog]");
const rows = () => wrapper.findAll(".pp-row-title").map((one) => one.text());
const toggle = async () => {
  await button().trigger("click");
  await nextTick();
};

describe("the button", () => {
  it("counts what runs, and says what has ended unread", async () => {
    await mountTray({ a: runs("A"), b: runs("B"), c: ends("C", 200), seen_at: 100 });
    expect(button().text()).toBe("2");
    expect(button().attributes("aria-label")).toBe("Tasks, 2 running, 1 new");
    expect(wrapper.find(".pp-tray-unread").exists()).toBe(true);
  });

  it("counts unread ends when nothing runs, red when one went wrong", async () => {
    await mountTray({ a: ends("A", 200), b: ends("B", 50), seen_at: 100 });
    expect(button().text()).toBe("1");
    expect(wrapper.get(".pp-tray-badge").attributes("data-tone")).toBe("done");
    stub.change(ROOM, 2, { c: ends("C", 300, "lost") });
    await nextTick();
    expect(button().text()).toBe("2");
    expect(wrapper.get(".pp-tray-badge").attributes("data-tone")).toBe("failed");
  });

  it("has no badge when there is nothing to say", async () => {
    await mountTray({ a: ends("A", 50), seen_at: 100 });
    expect(button().text()).toBe("");
    expect(button().attributes("aria-label")).toBe("Tasks");
  });

  it.each(["Guest", undefined])("is not there for %s", async (user) => {
    Object.assign(window, { frappe: { session: { user } } });
    await mountTray();
    expect(wrapper.find("button").exists()).toBe(false);
    expect(stub.socket.take("room_watch")).toEqual([]);
  });
});

describe("the panel", () => {
  it("opens with the focus in it, and closes with Escape, giving the focus back", async () => {
    await mountTray();
    expect(button().attributes("aria-expanded")).toBe("false");
    expect(panel().exists()).toBe(false);
    await toggle();
    expect(button().attributes("aria-expanded")).toBe("true");
    expect(document.activeElement).toBe(panel().element);
    expect(panel().text()).toContain("Nothing runs, and nothing has ended lately.");
    document.dispatchEvent(new KeyboardEvent("keydown", { key: "Escape", bubbles: true }));
    await nextTick();
    expect(panel().exists()).toBe(false);
    expect(document.activeElement).toBe(button().element);
  });

  it("closes when one goes elsewhere, and not when one stays", async () => {
    await mountTray();
    await toggle();
    panel().element.dispatchEvent(new Event("pointerdown", { bubbles: true, composed: true }));
    await nextTick();
    expect(panel().exists()).toBe(true);
    document.body.dispatchEvent(new Event("pointerdown", { bubbles: true, composed: true }));
    await nextTick();
    expect(panel().exists()).toBe(false);
    await toggle();
    await panel().trigger("focusout", { relatedTarget: document.body });
    expect(panel().exists()).toBe(false);
    await toggle();
    await toggle();
    expect(panel().exists()).toBe(false);
  });

  it("shows each running task from its own room, ten at most", async () => {
    const many = Object.fromEntries(
      Array.from({ length: 14 }, (_, index) => [`t${index}`, runs(`Task ${index}`, index)]),
    );
    await mountTray(many);
    stub.socket.take("room_watch");
    await toggle();
    const watched = stub.socket.take("room_watch");
    expect(watched).toHaveLength(10);
    expect(watched).toContain("task:t13");
    expect(rows()).toHaveLength(14);

    stub.state("task:t13", {
      ...runs("Task 13"),
      stage: "Importing",
      done: 5,
      total: 10,
      percent: 50,
      eta: 240,
      eta_range: [180, 300],
    });
    await nextTick();
    const row = wrapper.findAll(".pp-row")[0];
    expect(row.text()).toContain("Importing5 of 10about 3–5 min left");
    expect(row.text()).toContain("50 %");
    expect(row.get("[role=progressbar]").attributes("aria-valuenow")).toBe("50");
    await row.get("button").trigger("click");
    expect(stub.socket.take("task_cancel")).toEqual(["t13"]);

    await toggle();
    expect(stub.socket.take("room_unwatch")).toHaveLength(10);
  });

  it("offers another attempt, and what came of an end", async () => {
    await mountTray({ a: ends("A", 200, "failed"), b: ends("B", 100), seen_at: 300 });
    await toggle();
    stub.state("task:a", { ...ends("A", 200, "failed"), done: 1, total: 2, retryable: true });
    stub.state("task:b", { ...ends("B", 100), done: 2, total: 2, result: "/app/airport" });
    await nextTick();
    const [failed, done] = wrapper.findAll(".pp-row");
    expect(failed.text()).toContain("Failed1 of 2");
    await failed.get("button").trigger("click");
    expect(stub.socket.take("task_retry")).toEqual(["a"]);
    stub.deny("task:a", "may not retry");
    await nextTick();
    expect(failed.get("[role=alert]").text()).toBe("You may not start this task again.");
    expect(done.get("a").attributes("href")).toContain("/app/airport");
  });

  it("shows what the list knows of a task whose room is gone", async () => {
    await mountTray({ a: ends("A", 940_000), seen_at: 950_000 });
    await toggle();
    stub.socket.receive("room_state", { room: "task:a", epoch: "", seq: 0, state: {} });
    await nextTick();
    expect(wrapper.get(".pp-row").text()).toBe("ADone1 min. ago");
  });
});

describe("what has been seen", () => {
  it("is said once it was shown for a moment; the marks stay until it is closed", async () => {
    await mountTray({ a: ends("A", 200), b: ends("B", 50), seen_at: 100 });
    await toggle();
    expect(wrapper.findAll("[data-unread]")).toHaveLength(1);
    expect(stub.socket.take("tasks_seen")).toEqual([]);
    vi.advanceTimersByTime(1000);
    expect(stub.socket.take("tasks_seen")).toEqual([200]);
    stub.change(ROOM, 2, { seen_at: 200 });
    await nextTick();
    expect(button().text()).toBe("");
    expect(wrapper.findAll("[data-unread]")).toHaveLength(1);
    await toggle();
    await toggle();
    expect(wrapper.findAll("[data-unread]")).toHaveLength(0);
  });

  it("is not said by one who closes it at once", async () => {
    await mountTray({ a: ends("A", 200), seen_at: 100 });
    await toggle();
    await toggle();
    vi.advanceTimersByTime(5000);
    expect(stub.socket.take("tasks_seen")).toEqual([]);
  });

  it("waits for a page that is on screen", async () => {
    let hidden = true;
    Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
    await mountTray({ a: ends("A", 200), seen_at: 100 });
    await toggle();
    vi.advanceTimersByTime(3000);
    expect(stub.socket.take("tasks_seen")).toEqual([]);
    hidden = false;
    vi.advanceTimersByTime(1000);
    expect(stub.socket.take("tasks_seen")).toEqual([200]);
  });

  it("covers what ends while it is open", async () => {
    await mountTray({ a: runs("A"), seen_at: 100 });
    await toggle();
    stub.change(ROOM, 2, { a: ends("A", 300) });
    await nextTick();
    expect(wrapper.findAll("[data-unread]")).toHaveLength(1);
    vi.advanceTimersByTime(1000);
    expect(stub.socket.take("tasks_seen")).toEqual([300]);
  });

  it("is not said of what runs again", async () => {
    await mountTray({ a: ends("A", 200, "failed"), seen_at: 100 });
    await toggle();
    expect(wrapper.findAll("[data-unread]")).toHaveLength(1);
    stub.change(ROOM, 2, { a: runs("A") });
    await nextTick();
    expect(wrapper.findAll("[data-unread]")).toHaveLength(0);
    vi.advanceTimersByTime(1000);
    expect(stub.socket.take("tasks_seen")).toEqual([]);
  });
});

describe("ends", () => {
  it("are read aloud, those that this page saw running, and once", async () => {
    const region = () => document.querySelector("#presence-progress-announcer")?.textContent ?? "";
    await mountTray({ old: ends("Old", 50), mine: runs("Tray's own") });
    const other = mount(TaskTray, { attachTo: document.body });
    expect(region()).toBe("");
    stub.change(ROOM, 2, { mine: ends("Tray's own", 300, "failed") });
    await nextTick();
    expect(region()).toBe("Tray's own: Failed");
    other.unmount();
  });
});

describe("older tasks", () => {
  /** @param {any[]} message */
  function stubFetch(message, status = 200) {
    const fetch = vi.fn(async () => ({
      ok: status === 200,
      status,
      json: async () => ({ message }),
    }));
    vi.stubGlobal("fetch", fetch);
    return fetch;
  }
  const more = () => wrapper.find(".pp-tray-more");

  it("come from the list first, and then from the site, when they are asked for", async () => {
    const fetch = stubFetch([
      { name: "t1", title: "In the list", state: "done", ended_at: 11 },
      { name: "h1", title: "Long ago", state: "failed", error: "No disk", done: 3, total: 9 },
    ]);
    const lines = Array.from({ length: 14 }, (_, i) => [`t${i}`, ends(`Task ${i}`, 10 + i)]);
    await mountTray({ ...Object.fromEntries(lines), seen_at: 100 });
    await toggle();
    expect(rows()).toHaveLength(10);
    await more().trigger("click");
    expect(rows()).toHaveLength(14);
    expect(fetch).not.toHaveBeenCalled();
    await more().trigger("click");
    await flushPromises();
    expect(rows().slice(14)).toEqual(["Long ago"]);
    expect(wrapper.findAll(".pp-row")[14].text()).toBe("Long agoFailed3 of 9No disk");
    expect(more().exists()).toBe(false);
  });

  it.each([403, 404])("are no longer offered where the site answers %i", async (status) => {
    stubFetch([], status);
    await mountTray();
    await toggle();
    await more().trigger("click");
    await flushPromises();
    expect(more().exists()).toBe(false);
    expect(wrapper.find("[role=alert]").exists()).toBe(false);
  });

  it("may be asked for again when the site fails", async () => {
    stubFetch([], 500);
    await mountTray();
    await toggle();
    await more().trigger("click");
    await flushPromises();
    expect(wrapper.get("[role=alert]").text()).toContain("could not be fetched");
    expect(more().exists()).toBe(true);
  });

  it("are not offered of another user, nor without an address", async () => {
    await mountTray({}, { historyUrl: "" });
    await toggle();
    expect(more().exists()).toBe(false);
    await wrapper.setProps({ user: "bob@example.com", historyUrl: "/x" });
    stub.state("tasks:bob@example.com", { a: runs("A") });
    await nextTick();
    await toggle();
    expect(rows()).toEqual(["A"]);
    expect(more().exists()).toBe(false);
  });
});

import { mount } from "@vue/test-utils";
import { nextTick } from "vue";
import { beforeEach, describe, expect, it, vi } from "vitest";
import DocViewers from "../../presence_progress/public/js/components/DocViewers.vue";
import OnlineUsers from "../../presence_progress/public/js/components/OnlineUsers.vue";
import LiveCount from "../../presence_progress/public/js/components/LiveCount.vue";
import TaskProgress from "../../presence_progress/public/js/components/TaskProgress.vue";
import { stubClient } from "./stubs.js";

/** @type {ReturnType<typeof stubClient>} */
let stub;

beforeEach(() => {
  stub = stubClient();
  document.documentElement.lang = "en";
});

const TASK = {
  title: "Import airports",
  stage: null,
  state: "running",
  done: 12340,
  total: 28298,
  percent: 43,
  rate: 1502.4,
  eta: 10.6,
  warnings: 0,
  errors: 0,
  messages: [],
  error: null,
  user: "ada@example.com",
};

/** @param {Record<string, any>} [fields] @param {Record<string, any>} [props] */
async function mountTask(fields = {}, props = {}) {
  const wrapper = mount(TaskProgress, {
    props: { taskId: "t1", ...props },
    attachTo: document.body,
  });
  stub.state("task:t1", { ...TASK, ...fields });
  await nextTick();
  return { wrapper, bar: wrapper.get("[role=progressbar]") };
}

describe("TaskProgress", () => {
  it("says how far it is, to eyes and ears", async () => {
    const { wrapper, bar } = await mountTask({ stage: "Writing rows" });
    expect(wrapper.text()).toContain("Import airports");
    expect(wrapper.text()).toContain("Writing rows");
    expect(wrapper.text()).toContain("12,340 of 28,298");
    expect(wrapper.text()).toContain("1,502/s");
    expect(wrapper.text()).toContain("11 s left");
    expect(wrapper.text()).toContain("43 %");
    expect(bar.attributes()).toMatchObject({
      "aria-label": "Import airports",
      "aria-valuenow": "43",
      "aria-valuetext": "Running, Writing rows, 43 %, 12,340 of 28,298",
    });
    wrapper.unmount();
  });

  it("has no percent when nobody knows the total", async () => {
    const { wrapper, bar } = await mountTask({ total: null, percent: null, eta: null });
    expect(bar.attributes("aria-valuenow")).toBeUndefined();
    expect(bar.attributes("data-unknown")).toBe("");
    expect(wrapper.text()).toContain("12,340 done");
    expect(wrapper.text()).not.toContain("%");
    wrapper.unmount();
  });

  it("is full, with no time left, when a task of unknown total is done", async () => {
    const { wrapper, bar } = await mountTask({ state: "done", total: null, percent: null });
    expect(bar.attributes("aria-valuenow")).toBe("100");
    expect(bar.attributes("data-unknown")).toBeUndefined();
    expect(wrapper.text()).not.toContain("left");
    wrapper.unmount();
  });

  it("counts exactly and lists the first messages, with the rest as a number", async () => {
    const { wrapper } = await mountTask({
      warnings: 1,
      errors: 1204,
      messages: [
        { level: "error", row: 2210, message: "Latitude <b>132.5</b>" },
        { level: "warning", row: null, message: "No header" },
      ],
    });
    expect(wrapper.get("summary").text()).toMatch(/1,204 errors\s*1 warning/);
    const items = wrapper.findAll(".pp-messages li");
    expect(items.map((item) => item.text())).toEqual([
      "Row 2,210Latitude <b>132.5</b>",
      "WarningNo header",
    ]);
    expect(wrapper.text()).toContain("and 1,203 more");
    wrapper.unmount();
  });

  it("shows what it failed of", async () => {
    const { wrapper } = await mountTask({ state: "failed", error: "The file is empty." });
    expect(wrapper.text()).toContain("Failed");
    expect(wrapper.text()).toContain("The file is empty.");
    expect(wrapper.find("button").exists()).toBe(false);
    wrapper.unmount();
  });

  it("asks for a cancel once and waits for the answer", async () => {
    const { wrapper } = await mountTask();
    const button = wrapper.get("button");
    await button.trigger("click");
    expect(stub.socket.take("task_cancel")).toEqual(["t1"]);
    expect(button.attributes("disabled")).toBe("");

    stub.change("task:t1", 2, { state: "cancelling" });
    await nextTick();
    expect(wrapper.text()).toContain("Cancelling");
    stub.change("task:t1", 3, { state: "cancelled" });
    await nextTick();
    expect(wrapper.text()).toContain("Cancelled");
    expect(wrapper.emitted("ended")).toEqual([["cancelled"]]);
    wrapper.unmount();
  });

  it("says so when the cancel is refused, and goes on showing the task", async () => {
    const { wrapper } = await mountTask();
    await wrapper.get("button").trigger("click");
    stub.deny("task:t1", "may not cancel");
    await nextTick();
    expect(wrapper.get("[role=alert]").text()).toBe("Only its owner may cancel this task.");
    expect(wrapper.text()).toContain("12,340 of 28,298");
    wrapper.unmount();
  });

  it("offers no cancel to those who may not", async () => {
    Object.assign(window, { frappe: { session: { user: "bob@example.com" } } });
    const { wrapper } = await mountTask();
    expect(wrapper.find("button").exists()).toBe(false);
    delete (/** @type {any} */ (window).frappe);
    wrapper.unmount();
  });

  it("says calmly that it may not be seen, or is gone", async () => {
    const wrapper = mount(TaskProgress, { props: { taskId: "t1" } });
    stub.deny("task:t1", "not permitted");
    await nextTick();
    expect(wrapper.text()).toBe("This task is gone, or you may not see it.");
    stub.socket.receive("room_state", { room: "task:t1", epoch: "", seq: 0, state: {} });
    await nextTick();
    expect(wrapper.text()).toBe("This task is no longer known.");
    wrapper.unmount();
  });

  it("hints at a lost connection after a while, and not at a task that has ended", async () => {
    vi.useFakeTimers();
    const { wrapper } = await mountTask();
    stub.socket.goOffline();
    vi.advanceTimersByTime(1900);
    await nextTick();
    expect(wrapper.text()).not.toContain("Connection lost");
    vi.advanceTimersByTime(200);
    await nextTick();
    expect(wrapper.text()).toContain("Connection lost");
    expect(wrapper.text()).toContain("12,340 of 28,298");
    wrapper.unmount();
  });

  it("is read aloud at most every five seconds, and its end at once", async () => {
    vi.useFakeTimers();
    const { wrapper } = await mountTask();
    const region = () => document.querySelector("#presence-progress-announcer")?.textContent;
    for (let seq = 2; seq <= 12; seq++) {
      stub.change("task:t1", seq, { done: seq * 1000, percent: seq });
      await nextTick();
    }
    expect(region()).toBe("Import airports: Running, 2 %, 2,000 of 28,298");
    vi.advanceTimersByTime(5000);
    expect(region()).toBe("Import airports: Running, 12 %, 12,000 of 28,298");
    stub.change("task:t1", 13, { state: "done", done: 28298, percent: 100 });
    await nextTick();
    expect(region()).toBe("Import airports: Done, 100 %, 28,298 of 28,298");
    wrapper.unmount();
  });

  it("speaks the page's language", async () => {
    const words = /** @type {Record<string, string>} */ ({ "{0} of {1}": "{0} von {1}" });
    Object.assign(window, {
      __: (/** @type {string} */ text, /** @type {any[]} */ values = []) =>
        (words[text] ?? text).replace(/\{(\d)\}/g, (_, index) => values[Number(index)]),
    });
    document.documentElement.lang = "de";
    const { wrapper } = await mountTask();
    expect(wrapper.text()).toContain("12.340 von 28.298");
    delete (/** @type {any} */ (window).__);
    wrapper.unmount();
  });
});

describe("LiveCount", () => {
  beforeEach(() => {
    vi.stubGlobal("matchMedia", () => ({ matches: true }));
    return () => vi.unstubAllGlobals();
  });

  it("follows a kept count", async () => {
    const wrapper = mount(LiveCount, { props: { scope: "website", name: "visits" } });
    expect(wrapper.text()).toBe("–");
    stub.state("count:website/visits", { value: 28297 });
    await nextTick();
    expect(wrapper.text()).toBe("28,297");
    stub.change("count:website/visits", 2, { value: 28298 });
    await nextTick();
    expect(wrapper.text()).toBe("28,298");
    expect(wrapper.emitted("change")).toEqual([[28297], [28298]]);
    wrapper.unmount();
    expect(stub.socket.take("room_unwatch")).toEqual(["count:website/visits"]);
  });

  it("is nought for a count that was never set", async () => {
    const wrapper = mount(LiveCount, { props: { scope: "website", name: "visits" } });
    stub.socket.receive("room_state", {
      room: "count:website/visits",
      epoch: "",
      seq: 0,
      state: {},
    });
    await nextTick();
    expect(wrapper.text()).toBe("0");
    wrapper.unmount();
  });

  it("follows a plain event and takes its listener away", async () => {
    const wrapper = mount(LiveCount, { props: { event: "count" } });
    stub.socket.receive("count", { count: 41 });
    await nextTick();
    expect(wrapper.text()).toBe("41");
    stub.socket.receive("count", { count: "nonsense" });
    stub.socket.receive("count", null);
    await nextTick();
    expect(wrapper.text()).toBe("41");
    wrapper.unmount();
    expect(stub.socket.listenerCount("count")).toBe(0);
  });

  it("glides, and ends on the very number", async () => {
    vi.stubGlobal("matchMedia", () => ({ matches: false }));
    Object.defineProperty(document, "hidden", { configurable: true, get: () => false });
    vi.useFakeTimers();
    const wrapper = mount(LiveCount, { props: { event: "count" } });
    stub.socket.receive("count", 100);
    await nextTick();
    stub.socket.receive("count", 200);
    await nextTick();
    vi.advanceTimersByTime(100);
    await nextTick();
    expect(Number(wrapper.text())).toBeGreaterThan(100);
    expect(Number(wrapper.text())).toBeLessThan(200);
    vi.advanceTimersByTime(400);
    await nextTick();
    expect(wrapper.text()).toBe("200");
    wrapper.unmount();
  });
});

describe("DocViewers", () => {
  const ROOM = "presence:Airport/LTFM";
  const props = { doctype: "Airport", name: "LTFM" };
  /** @param {string} name @param {Record<string, any>} [more] */
  const viewer = (name, more) => ({
    name,
    image: null,
    activity: "viewing",
    focus: null,
    since: 1,
    ...more,
  });

  it("names each viewer and what they do, those who edit first", async () => {
    const wrapper = mount(DocViewers, { props });
    expect(wrapper.find("ul").exists()).toBe(false);
    stub.state(ROOM, {
      "vera@example.com": viewer("Vera Viewer", { activity: "idle" }),
      "elif@example.com": viewer("Elif Editor", { activity: "editing", focus: "city", since: 9 }),
      "ada@example.com": viewer("Ada Lovelace"),
    });
    await nextTick();
    expect(wrapper.findAll("button .pp-tip").map((one) => one.text())).toEqual([
      "Elif Editorediting · city",
      "Ada Lovelaceviewing",
      "Vera Vieweridle",
    ]);
    expect(wrapper.findAll(".pp-avatar-face").map((one) => one.text())).toEqual(["EE", "AL", "VV"]);
    wrapper.unmount();
  });

  it("shows a picture, and initials when it does not load", async () => {
    const wrapper = mount(DocViewers, { props });
    stub.state(ROOM, { "ada@example.com": viewer("Ada Lovelace", { image: "/files/ada.png" }) });
    await nextTick();
    await wrapper.get("img").trigger("error");
    expect(wrapper.find("img").exists()).toBe(false);
    expect(wrapper.get(".pp-avatar-face").text()).toBe("AL");
    wrapper.unmount();
  });

  it("sums up who does not fit", async () => {
    const wrapper = mount(DocViewers, { props: { ...props, max: 3 } });
    const people = ["Ann A", "Bea B", "Cyd C", "Dan D"];
    stub.state(ROOM, Object.fromEntries(people.map((name) => [name, viewer(name)])));
    await nextTick();
    const buttons = wrapper.findAll("button");
    expect(buttons).toHaveLength(3);
    expect(buttons[2].text()).toContain("+2");
    expect(buttons[2].get(".pp-tip").text()).toBe("Cyd C, Dan D");
    wrapper.unmount();
  });

  it("counts exactly where not everybody is listed, and names a few of the rest", async () => {
    const wrapper = mount(DocViewers, { props: { ...props, max: 3 } });
    const people = Array.from({ length: 20 }, (_, index) => `Person ${index + 10}`);
    stub.state(ROOM, {
      ...Object.fromEntries(people.map((name) => [name, viewer(name)])),
      ":count": 10_000,
    });
    await nextTick();
    const more = wrapper.get(".pp-avatar-more");
    expect(wrapper.findAll("button")).toHaveLength(3);
    expect(more.text()).toContain("+9,998");
    expect(more.get(".pp-tip").text()).toBe(
      "Person 12, Person 13, Person 14, Person 15, Person 16, Person 17, Person 18, Person 19 and 9,990 more",
    );
    wrapper.unmount();
  });

  it("shows who left a moment ago in grey, three at most, and does not count them", async () => {
    vi.useFakeTimers({ now: 200_000 });
    const wrapper = mount(DocViewers, { props });
    stub.state(ROOM, {
      "ada@example.com": viewer("Ada Lovelace"),
      ":count": 1,
      ":left:bob@example.com": { name: "Bob B", image: null, last_seen: 80_000 },
      ":left:cyd@example.com": { name: "Cyd C", image: null, last_seen: 140_000 },
      ":left:dan@example.com": { name: "Dan D", image: null, last_seen: 199_000 },
      ":left:eve@example.com": { name: "Eve E", image: null, last_seen: 70_000 },
    });
    await nextTick();
    const gone = () => wrapper.findAll("[data-left]").map((one) => one.get(".pp-tip").text());
    expect(wrapper.findAll("[data-user]")).toHaveLength(1);
    expect(gone()).toEqual([
      "Dan Dwas here a moment ago",
      "Cyd Cwas here a minute ago",
      "Bob Bwas here 2 minutes ago",
    ]);
    expect(wrapper.findAll("ul").map((list) => list.attributes("aria-label"))).toEqual([
      "Viewing now",
      "Here a moment ago",
    ]);

    vi.advanceTimersByTime(60_000);
    await nextTick();
    expect(gone()[0]).toBe("Dan Dwas here a minute ago");

    const lefts = ["bob", "cyd", "dan", "eve"].map((user) => `:left:${user}@example.com`);
    stub.change(ROOM, 2, {}, lefts);
    await nextTick();
    expect(gone()).toEqual([]);
    // Nothing left to be told the time of.
    expect(vi.getTimerCount()).toBe(0);
    wrapper.unmount();
  });

  it("warns, to eyes and ears, while several people edit", async () => {
    Object.assign(window, { frappe: { session: { user: "me@example.com" } } });
    const wrapper = mount(DocViewers, { props, attachTo: document.body });
    const region = () => document.querySelector("#presence-progress-announcer")?.textContent ?? "";
    const editing = { activity: "editing" };
    stub.state(ROOM, { "me@example.com": viewer("Me", editing), "bob@example.com": viewer("Bob") });
    await nextTick();
    expect(wrapper.find(".pp-contest").exists()).toBe(false);
    expect(region()).toBe("");

    stub.change(ROOM, 2, { "bob@example.com": viewer("Bob", editing) });
    await nextTick();
    expect(wrapper.get(".pp-contest").text()).toBe("Bob is editing this too");
    expect(region()).toBe("Bob is editing this too");

    stub.change(ROOM, 3, {
      "me@example.com": viewer("Me"),
      "eve@example.com": viewer("Eve", editing),
    });
    await nextTick();
    expect(wrapper.get(".pp-contest").text()).toBe("Bob and Eve are editing this at the same time");
    stub.change(ROOM, 4, { "bob@example.com": viewer("Bob") });
    await nextTick();
    expect(wrapper.find(".pp-contest").exists()).toBe(false);
    delete (/** @type {any} */ (window).frappe);
    wrapper.unmount();
  });

  it.each(["presence is off", "not permitted"])("shows nothing when %s", async (reason) => {
    const wrapper = mount(DocViewers, { props: { ...props, enter: true } });
    stub.state(ROOM, { "ada@example.com": viewer("Ada Lovelace") });
    await nextTick();
    stub.deny(ROOM, reason);
    await nextTick();
    expect(wrapper.text()).toBe("");
    wrapper.unmount();
  });

  it("makes me a viewer only if told to, and no more when it goes", async () => {
    const looking = mount(DocViewers, { props });
    await nextTick();
    expect(stub.socket.take("presence_enter")).toEqual([]);
    await looking.setProps({ enter: true });
    expect(stub.socket.take("presence_enter")).toEqual([
      { doctype: "Airport", name: "LTFM", activity: "viewing", focus: null },
    ]);

    await looking.setProps({ name: "LTBA" });
    expect(stub.socket.take("presence_leave")).toEqual([{ doctype: "Airport", name: "LTFM" }]);
    expect(stub.socket.take("presence_enter")).toHaveLength(1);
    looking.unmount();
    expect(stub.socket.take("presence_leave")).toEqual([{ doctype: "Airport", name: "LTBA" }]);
  });
});

describe("OnlineUsers", () => {
  const ada = { name: "Ada Lovelace", image: null, activity: "viewing", focus: null, since: 1 };

  it("shows who is on the site and how many, and nothing before it knows", async () => {
    const wrapper = mount(OnlineUsers);
    expect(wrapper.text()).toBe("");
    stub.state("online", { "ada@example.com": ada, ":count": 1204 });
    await nextTick();
    expect(wrapper.get("[data-user]").text()).toContain("Ada Lovelaceonline");
    expect(wrapper.text()).toContain("1,204 online");
    wrapper.unmount();
  });

  it("watches no more than the number if that is all it shows", async () => {
    const wrapper = mount(OnlineUsers, { props: { countOnly: true } });
    expect(stub.socket.take("room_watch")).toEqual(["online:count"]);
    stub.state("online:count", { ":count": 3 });
    await nextTick();
    expect(wrapper.text()).toBe("3 online");
    expect(wrapper.find("button").exists()).toBe(false);
    wrapper.unmount();
  });

  it("shows nothing to those who may not know", async () => {
    const wrapper = mount(OnlineUsers);
    stub.deny("online", "not permitted");
    await nextTick();
    expect(wrapper.text()).toBe("");
    wrapper.unmount();
  });

  it("makes its user invisible, once the site agrees", async () => {
    const wrapper = mount(OnlineUsers);
    stub.state("online", { "ada@example.com": ada, ":count": 1 });
    await nextTick();
    const invisible = wrapper.get("[role=switch]");
    expect(invisible.attributes()).toMatchObject({
      "aria-label": "Invisible",
      "aria-checked": "false",
    });
    await invisible.trigger("click");
    expect(stub.socket.take("presence_invisible")).toEqual([true]);
    expect(invisible.attributes("aria-checked")).toBe("false");

    stub.socket.receive("presence_settings", { invisible: true });
    await nextTick();
    expect(invisible.attributes("aria-checked")).toBe("true");
    await invisible.trigger("click");
    expect(stub.socket.take("presence_invisible")).toEqual([false]);
    wrapper.unmount();
  });
});

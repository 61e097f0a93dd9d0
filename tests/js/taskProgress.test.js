import { flushPromises, mount } from "@vue/test-utils";
import { nextTick } from "vue";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import TaskProgress from "../../presence_progress/public/js/components/TaskProgress.vue";
import { stubClient } from "./stubs.js";

/** @type {ReturnType<typeof stubClient>} */
let stub;
/** @type {import("@vue/test-utils").VueWrapper<any>} */
let wrapper;

beforeEach(() => {
  stub = stubClient();
  document.documentElement.lang = "en";
});

afterEach(() => {
  wrapper.unmount();
  delete (/** @type {any} */ (window).frappe);
});

const TASK = {
  title: "Import airports",
  state: "running",
  attempt: 1,
  stage: null,
  stages: null,
  done: 18_000,
  total: 30_000,
  total_grown: false,
  percent: 60,
  rate: null,
  eta: null,
  eta_range: null,
  warnings: 0,
  errors: 0,
  messages: [],
  last_messages: [],
  error: null,
  result: null,
  user: "ada@example.com",
  children: null,
  started_at: null,
  ended_at: null,
  cancelled_by: null,
  retryable: false,
};

/** @param {Record<string, any>} [fields] */
async function mountTask(fields = {}) {
  wrapper = mount(TaskProgress, { props: { taskId: "t1" }, attachTo: document.body });
  stub.state("task:t1", { ...TASK, ...fields });
  await nextTick();
}

/** @param {string} user */
function beUser(user) {
  Object.assign(window, { frappe: { session: { user } } });
}

/** @param {string} text */
const buttonOf = (text) => wrapper.findAll("button").find((one) => one.text() === text);

describe("a worker that says nothing", () => {
  it("is told with the seconds since it was last heard of, which go on", async () => {
    vi.useFakeTimers({ now: 100_000 });
    await mountTask({ state: "stalled", heard_at: 88_000 });
    expect(wrapper.text()).toContain("Stalled");
    expect(wrapper.text()).toContain("No word from the worker for 12 s");
    vi.advanceTimersByTime(3000);
    await nextTick();
    expect(wrapper.text()).toContain("No word from the worker for 15 s");
    expect(wrapper.text()).toContain("18,000 of 30,000");
    stub.change("task:t1", 2, { state: "running" });
    await nextTick();
    expect(wrapper.text()).not.toContain("No word");
    expect(vi.getTimerCount()).toBe(0);
  });

  it("counts from what this page saw, where nobody says since when", async () => {
    vi.useFakeTimers({ now: 100_000 });
    await mountTask();
    stub.change("task:t1", 2, { state: "stalled" });
    await nextTick();
    expect(wrapper.get(".pp-task-note").text()).toBe("No word from the worker");
    vi.advanceTimersByTime(4000);
    await nextTick();
    expect(wrapper.text()).toContain("No word from the worker for 4 s");
  });

  it.each([-3_600_000, 3_700_000])(
    "is counted by no clock that is wrong by %i ms",
    async (wrong) => {
      vi.useFakeTimers({ now: 10_000_000 + wrong });
      await mountTask();
      stub.change("task:t1", 2, { state: "stalled", heard_at: 9_994_000 });
      await nextTick();
      vi.advanceTimersByTime(4000);
      await nextTick();
      expect(wrapper.text()).toContain("No word from the worker for 4 s");
    },
  );

  it("is counted on while the clock is set", async () => {
    vi.useFakeTimers({ now: 10_000_000 });
    await mountTask({ state: "stalled", heard_at: 9_988_000 });
    vi.setSystemTime(6_400_000);
    vi.advanceTimersByTime(3000);
    await nextTick();
    expect(wrapper.text()).toContain("No word from the worker for 15 s");
  });

  it("makes no number up on a page that came later", async () => {
    await mountTask({ state: "stalled" });
    expect(wrapper.get(".pp-task-note").text()).toBe("No word from the worker");
  });

  it("can be cancelled, and is not finished", async () => {
    await mountTask({ state: "stalled", total: null, percent: null });
    expect(wrapper.get("[role=progressbar]").attributes("data-unknown")).toBe("");
    await buttonOf("Cancel")?.trigger("click");
    expect(stub.socket.take("task_cancel")).toEqual(["t1"]);
    stub.change("task:t1", 2, { state: "lost", ended_at: 5 });
    await nextTick();
    expect(wrapper.emitted("ended")).toEqual([["lost"]]);
  });

  it("is gone at last, with what it had done", async () => {
    await mountTask({ state: "lost" });
    expect(wrapper.text()).toContain("The worker is gone. It had done 18,000 of 30,000.");
    expect(wrapper.get("[role=progressbar]").attributes("aria-valuetext")).toBe(
      "Lost, The worker is gone. It had done 18,000 of 30,000.",
    );
    expect(buttonOf("Cancel")).toBeUndefined();
  });
});

describe("another attempt", () => {
  it.each(["failed", "cancelled", "lost"])("is offered of one that is %s", async (state) => {
    beUser("ada@example.com");
    await mountTask({ state, retryable: true });
    const button = buttonOf("Retry");
    await button?.trigger("click");
    expect(stub.socket.take("task_retry")).toEqual(["t1"]);
    expect(button?.attributes("disabled")).toBe("");
    stub.change("task:t1", 2, { state: "queued", attempt: 2, done: 0, percent: 0 });
    await nextTick();
    expect(wrapper.text()).toContain("2nd attempt");
    expect(buttonOf("Retry")).toBeUndefined();
    expect(buttonOf("Cancel")).toBeDefined();
  });

  it.each([
    ["one whose job is not known", { state: "failed", retryable: false }, "ada@example.com"],
    ["one that is done", { state: "done", retryable: true }, "ada@example.com"],
    ["another's", { state: "failed", retryable: true }, "bob@example.com"],
  ])("is not offered of %s", async (_, fields, user) => {
    beUser(user);
    await mountTask(fields);
    expect(buttonOf("Retry")).toBeUndefined();
  });

  it("says so when it is refused", async () => {
    await mountTask({ state: "failed", retryable: true });
    await buttonOf("Retry")?.trigger("click");
    stub.deny("task:t1", "may not retry");
    await nextTick();
    expect(wrapper.get("[role=alert]").text()).toBe("You may not start this task again.");
  });
});

describe("who stopped it", () => {
  it.each([
    ["cancelling", "ada@example.com", "You asked it to stop"],
    ["cancelling", "Administrator", "Administrator asked it to stop"],
    ["cancelled", "ada@example.com", "Cancelled by you"],
    ["cancelled", "Administrator", "Cancelled by Administrator"],
  ])("is told of one that is %s by %s", async (state, by, text) => {
    beUser("ada@example.com");
    await mountTask({ state, cancelled_by: by });
    expect(wrapper.get(".pp-task-note").text()).toBe(text);
  });
});

describe("what Frappe itself told of", () => {
  it("offers nothing that nobody would hear", async () => {
    await mountTask({ source: "data_import" });
    expect(buttonOf("Cancel")).toBeUndefined();
  });
});

describe("how much is left", () => {
  it.each([
    [{ eta: 240, eta_range: [180, 300] }, "about 3–5 min left"],
    [{ eta: 240, eta_range: [235, 245] }, "4 min 0 s left"],
    [{ eta: 12, eta_range: [10, 14] }, "12 s left"],
    [{ eta: 12, eta_range: null }, "12 s left"],
  ])("%o is told as %j", async (fields, text) => {
    await mountTask(fields);
    expect(wrapper.text()).toContain(text);
  });

  it("says that the total has grown, and keeps the percent", async () => {
    await mountTask({ total: 42_000, total_grown: true });
    expect(wrapper.text()).toContain("the total has grown");
    expect(wrapper.text()).toContain("60 %");
  });

  it("names the stages, with the one it is in", async () => {
    const stages = [
      { name: "Reading", weight: 1 },
      { name: "Importing", weight: 7 },
      { name: "Checking", weight: 2 },
    ];
    await mountTask({ stages, stage: "Importing" });
    expect(wrapper.get(".pp-task-stage").text()).toBe("2 of 3: Importing");
    const parts = wrapper.findAll(".pp-stages li");
    expect(parts.map((one) => [one.text(), one.attributes("data-part")])).toEqual([
      ["Reading", "done"],
      ["Importing", "now"],
      ["Checking", "later"],
    ]);
    expect(parts[1].attributes("aria-current")).toBe("step");
    const cuts = wrapper.findAll(".pp-bar-cut").map((one) => one.attributes("style"));
    expect(cuts).toEqual(["inset-inline-start: 10%;", "inset-inline-start: 80%;"]);

    const many = Array.from({ length: 40 }, (_, index) => ({ name: `Part ${index}`, weight: 1 }));
    stub.change("task:t1", 2, { stages: many, stage: "Part 6" });
    await nextTick();
    expect(wrapper.get(".pp-task-stage").text()).toBe("7 of 40: Part 6");
    expect(wrapper.find(".pp-stages").exists()).toBe(false);
  });

  it("tells exactly what the children have come to", async () => {
    await mountTask({ children: { total: 100, done: 37, failed: 2, left: 61 } });
    expect(wrapper.text()).toContain("37 of 100 done, 2 failed, 61 left");
  });
});

describe("what came of it", () => {
  it.each([
    ["/app/airport", "http://localhost:3000/app/airport"],
    ["https://example.com/a", "https://example.com/a"],
  ])("is linked: %s", async (result, href) => {
    vi.stubGlobal("location", new URL("http://localhost:3000/x"));
    await mountTask({ state: "done", percent: 100, result });
    expect(wrapper.get("a").attributes("href")).toBe(href);
    vi.unstubAllGlobals();
  });

  it.each(["javascript:alert(1)", "data:text/html,x", "", null])(
    "is no link that runs anything: %s",
    async (result) => {
      await mountTask({ state: "done", result });
      expect(wrapper.find("a").exists()).toBe(false);
    },
  );
});

describe("a failure", () => {
  /** @param {boolean} open */
  async function toggle(open) {
    const details = wrapper.get("details");
    /** @type {HTMLDetailsElement} */ (details.element).open = open;
    await details.trigger("toggle");
  }

  it("shows its traceback to those who may, when they open it", async () => {
    await mountTask({ state: "failed", error: "The disk is full." });
    expect(wrapper.text()).toContain("The disk is full.");
    expect(stub.socket.take("task_details")).toEqual([]);
    await toggle(true);
    expect(stub.socket.take("task_details")).toEqual(["t1"]);
    const traceback = "Traceback (most recent call last):\n  <b>…</b>";
    stub.socket.receive("task_details", { task_id: "t1", messages: [], traceback });
    await flushPromises();
    expect(wrapper.get("pre").text()).toBe(traceback);
    await toggle(false);
    await toggle(true);
    expect(stub.socket.take("task_details")).toEqual([]);
  });

  it("says calmly that there is none for the others, or that it could not be fetched", async () => {
    await mountTask({ state: "failed", error: "The disk is full." });
    await toggle(true);
    stub.socket.receive("task_details", { task_id: "t1", messages: [], traceback: null });
    await flushPromises();
    expect(wrapper.text()).toContain("There is none, or it is not for you to see.");
    await toggle(false);
    stub.socket.goOffline();
    await toggle(true);
    await flushPromises();
    expect(wrapper.text()).toContain("It could not be fetched.");
  });
});

describe("rows", () => {
  /** @param {number} from @param {number} count */
  const messages = (from, count) =>
    Array.from({ length: count }, (_, index) => ({
      level: "error",
      row: from + index,
      message: "bad",
    }));
  const FIELDS = { errors: 1204, messages: messages(1, 20), last_messages: messages(9001, 5) };

  it("are the first and the last, with a number between them", async () => {
    await mountTask(FIELDS);
    const items = wrapper.findAll(".pp-messages li").map((one) => one.text());
    expect(items).toHaveLength(26);
    expect(items.slice(19, 22)).toEqual(["Row 20bad", "… 1,179 more …", "Row 9,001bad"]);
  });

  it("never make a long page, whatever a room holds", async () => {
    await mountTask({ errors: 5000, messages: messages(1, 900), last_messages: messages(1, 900) });
    expect(wrapper.findAll(".pp-messages li")).toHaveLength(26);
  });

  it("can be had as a CSV file, which says how many of how many it holds", async () => {
    /** @type {Blob[]} */
    const blobs = [];
    const url = Object.assign(URL, {
      createObjectURL: (/** @type {Blob} */ blob) => `blob:${blobs.push(blob)}`,
      revokeObjectURL: () => {},
    });
    vi.stubGlobal("URL", url);
    /** @type {string[]} */
    const names = [];
    vi.spyOn(HTMLAnchorElement.prototype, "click").mockImplementation(
      /** @this {HTMLAnchorElement} */ function () {
        names.push(this.download);
      },
    );
    await mountTask(FIELDS);
    await buttonOf("Download CSV")?.trigger("click");
    expect(buttonOf("Download CSV")?.attributes("disabled")).toBe("");
    stub.socket.receive("task_details", {
      task_id: "t1",
      messages: [
        { n: 1203, level: "error", row: null, message: "=1+1" },
        { n: 0, level: "warning", row: 7, message: "a, b" },
      ],
      traceback: null,
    });
    await flushPromises();
    expect(names).toEqual(["Import-airports.csv"]);
    expect((await blobs[0].text()).replace("\uFEFF", "")).toBe(
      `Row,Level,Message\r\n7,warning,"a, b"\r\n,error,'=1+1\r\n`,
    );
    expect(wrapper.text()).toContain(
      "2 of 1,204 messages are in the file: the first ones and the last ones.",
    );
    vi.unstubAllGlobals();
  });

  it("can be asked for again when they did not come", async () => {
    await mountTask(FIELDS);
    stub.socket.goOffline();
    await buttonOf("Download CSV")?.trigger("click");
    await flushPromises();
    expect(wrapper.text()).toContain("The messages could not be fetched. Try again.");
    expect(buttonOf("Download CSV")?.attributes("disabled")).toBeUndefined();
  });
});

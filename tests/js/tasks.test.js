import { effectScope, ref } from "vue";
import { afterEach, describe, expect, it, vi } from "vitest";
import {
  useTask,
  useTaskHistory,
  useTasks,
} from "../../presence_progress/public/js/composables/index.js";
import { formatAgo, formatSpan } from "../../presence_progress/public/js/client/numbers.js";
import { stubClient } from "./stubs.js";

/** @type {import("vue").EffectScope | undefined} */
let scope;

/** @template T @param {() => T} use @returns {any} */
function run(use) {
  scope = effectScope();
  return scope.run(use);
}

afterEach(() => {
  scope?.stop();
  vi.unstubAllGlobals();
});

describe("useTask", () => {
  it("asks for another attempt, and knows when it began or was refused", async () => {
    const stub = stubClient();
    const { retry, retrying, cancelling } = run(() => useTask("t1"));
    stub.state("task:t1", { state: "failed", attempt: 1 });
    retry();
    expect(stub.socket.take("task_retry")).toEqual(["t1"]);
    expect(retrying.value).toBe("asked");
    stub.deny("task:t2", "may not retry");
    expect(retrying.value).toBe("asked");
    stub.deny("task:t1", "may not retry");
    expect(retrying.value).toBe("refused");
    expect(cancelling.value).toBe("");
    stub.change("task:t1", 2, { state: "queued", attempt: 2 });
    await Promise.resolve();
    expect(retrying.value).toBe("");
  });

  it("lets a wish be said again when the connection was lost under it", () => {
    const stub = stubClient();
    const { cancel, cancelling } = run(() => useTask("t1"));
    stub.state("task:t1", { state: "running" });
    cancel();
    stub.socket.goOffline();
    expect(cancelling.value).toBe("asked");
    stub.socket.goOnline();
    expect(cancelling.value).toBe("");
    stub.socket.goOffline();
    cancel();
    expect(cancelling.value).toBe("");
  });

  it("fetches the details of its own task", async () => {
    const stub = stubClient();
    const { details } = run(() => useTask("t1"));
    const answer = details();
    expect(stub.socket.take("task_details")).toEqual(["t1"]);
    stub.socket.receive("task_details", { task_id: "t2", messages: [] });
    const messages = [{ n: 0, level: "error", row: 1, message: "no" }];
    stub.socket.receive("task_details", { task_id: "t1", messages, traceback: "Traceback" });
    expect(await answer).toEqual({ task_id: "t1", messages, traceback: "Traceback" });
    expect(stub.socket.listenerCount("task_details")).toBe(0);
  });

  it.each([
    ["refused", (/** @type {any} */ stub) => stub.deny("task:t1", "not permitted")],
    ["not answered", () => vi.advanceTimersByTime(10_000)],
  ])("rejects when the details are %s, and listens no more", async (_, end) => {
    vi.useFakeTimers();
    const stub = stubClient();
    const { details } = run(() => useTask("t1"));
    const before = stub.socket.listenerCount("room_denied");
    const answer = details();
    stub.deny("task:t1", "may not cancel");
    end(stub);
    await expect(answer).rejects.toThrow("The details of task t1");
    expect(stub.socket.listenerCount("task_details")).toBe(0);
    expect(stub.socket.listenerCount("room_denied")).toBe(before);
  });

  it("rejects at once while the connection is away", async () => {
    stubClient({ connected: false });
    const { details } = run(() => useTask("t1"));
    await expect(details()).rejects.toThrow("not connected");
  });
});

describe("useTasks", () => {
  const LINES = {
    read: { state: "done", queued_at: 1, ended_at: 50 },
    ended: { state: "failed", queued_at: 2, ended_at: 150 },
    lost: { state: "lost", queued_at: 3, ended_at: 160 },
    stalled: { state: "stalled", queued_at: 5, ended_at: null },
    cancelling: { state: "cancelling", queued_at: 6, ended_at: null },
    queued: { state: "queued", queued_at: 4, ended_at: null },
  };
  const ids = (/** @type {any} */ tasks) => tasks.value.map((/** @type {any} */ one) => one.id);

  it("puts what runs first, then unread ends, then the others, the newest of each on top", () => {
    const stub = stubClient();
    const { tasks, unread } = run(() => useTasks("ada@example.com"));
    stub.state("tasks:ada@example.com", { ...LINES, seen_at: 100 });
    expect(ids(tasks)).toEqual(["cancelling", "stalled", "queued", "lost", "ended", "read"]);
    expect(unread.value).toBe(2);
  });

  it("says how far this user has seen, and follows what was seen elsewhere", () => {
    const stub = stubClient();
    const { unread, markSeen } = run(() => useTasks("ada@example.com"));
    stub.state("tasks:ada@example.com", LINES);
    expect(unread.value).toBe(3);
    markSeen();
    expect(stub.socket.take("tasks_seen")).toEqual([160]);
    stub.change("tasks:ada@example.com", 2, { seen_at: 160 });
    expect(unread.value).toBe(0);
    markSeen();
    expect(stub.socket.take("tasks_seen")).toEqual([]);
  });

  it.each(["doctype:Airport", "doc:Airport/LTFM"])("has nothing unread in %s", (of) => {
    const stub = stubClient();
    const { tasks, unread, markSeen } = run(() => useTasks(of));
    expect(stub.socket.take("room_watch")).toEqual([`tasks:${of}`]);
    stub.state(`tasks:${of}`, LINES);
    expect(ids(tasks).slice(3)).toEqual(["lost", "ended", "read"]);
    expect(unread.value).toBe(0);
    markSeen();
    expect(stub.socket.take("tasks_seen")).toEqual([]);
  });

  it("follows its scope, and is empty without one", () => {
    const stub = stubClient();
    const of = ref("");
    const { tasks } = run(() => useTasks(of));
    expect(stub.socket.take("room_watch")).toEqual([]);
    of.value = "doctype:Airport";
    stub.state("tasks:doctype:Airport", LINES);
    expect(tasks.value).toHaveLength(6);
  });
});

describe("useTaskHistory", () => {
  /** @param {any[]} answers */
  function stubFetch(...answers) {
    const fetch = vi.fn(async (/** @type {string} */ url) => {
      expect(url).toContain("limit=20");
      const answer = answers.shift();
      if (answer instanceof Error) throw answer;
      return { ok: answer.status === 200, json: async () => answer.body, ...answer };
    });
    vi.stubGlobal("fetch", fetch);
    return fetch;
  }
  /** @param {number} from @param {number} to */
  const page = (from, to) => ({
    status: 200,
    body: {
      message: Array.from({ length: to - from }, (_, index) => ({
        name: `t${from + index}`,
        state: "done",
      })),
    },
  });

  it("asks for nothing by itself, then page by page, each task once", async () => {
    const fetch = stubFetch(page(0, 20), page(19, 32));
    const { lines, more, load } = run(() => useTaskHistory());
    expect(fetch).not.toHaveBeenCalled();
    await load();
    expect(lines.value[0]).toEqual({ id: "t0", state: "done" });
    expect(more.value).toBe(true);
    await load();
    expect(fetch.mock.calls.map(([url]) => url)).toEqual([
      "/api/method/presence_progress.site.tasks.history?start=0&limit=20",
      "/api/method/presence_progress.site.tasks.history?start=20&limit=20",
    ]);
    expect(lines.value).toHaveLength(32);
    expect(more.value).toBe(false);
    await load();
    expect(fetch).toHaveBeenCalledTimes(2);
  });

  it.each([403, 404])("ends quietly where the site answers %i", async (status) => {
    stubFetch({ status });
    const { more, failed, load } = run(() => useTaskHistory());
    await load();
    expect([more.value, failed.value]).toEqual([false, false]);
  });

  it("may be asked again after a failure", async () => {
    stubFetch({ status: 502 }, new Error("no network"), page(0, 1));
    const { lines, more, failed, load } = run(() => useTaskHistory());
    await load();
    expect([more.value, failed.value]).toEqual([true, true]);
    await load();
    expect(failed.value).toBe(true);
    await load();
    expect([lines.value.length, failed.value]).toEqual([1, false]);
  });

  it("never becomes longer than two hundred", async () => {
    stubFetch(...Array.from({ length: 12 }, (_, index) => page(index * 20, index * 20 + 20)));
    const { lines, more, load } = run(() => useTaskHistory());
    while (more.value) await load();
    expect(lines.value).toHaveLength(200);
  });
});

describe("times", () => {
  it.each([
    [40, 55, "40–55 s"],
    [170, 290, "3–5 min"],
    [20, 290, "20 s – 5 min"],
    [3700, 7300, "1–2 h"],
    [1500, 7300, "25 min – 2 h"],
    [170, 185, ""],
  ])("tells %i to %i s as %j", (low, high, text) => {
    expect(formatSpan(low, high)).toBe(text);
  });

  it("tells how long ago something was", () => {
    document.documentElement.lang = "en";
    const now = Date.UTC(2026, 5, 20, 12);
    expect(formatAgo(now + 5000, now)).toBe("just now");
    expect(formatAgo(now - 59_000, now)).toBe("just now");
    expect(formatAgo(now - 130_000, now)).toBe("2 min. ago");
    expect(formatAgo(now - 3 * 3_600_000, now)).toBe("3 hr. ago");
    expect(formatAgo(now - 10 * 86_400_000, now)).toBe("Jun 10, 2026");
    document.documentElement.lang = "no such language";
    expect(formatAgo(now - 130_000, now)).toContain("2");
  });
});

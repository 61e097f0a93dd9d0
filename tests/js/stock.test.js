import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { SNAPSHOT_URL, stockRoom } from "../../presence_progress/public/js/client/stock.js";
import { effectScope } from "vue";
import { useTask } from "../../presence_progress/public/js/composables/useTask.js";
import { useTasks } from "../../presence_progress/public/js/composables/useTasks.js";
import { stubClient } from "./stubs.js";

const ROOM = "count:doctype:ToDo/open";
const TASK = "task:t1";

/** @type {Record<string, any>} what the site answers, by room */
let known;
/** @type {boolean} a server of ours runs */
let server;
/** @type {string[][]} the rooms of each question */
let questions;

beforeEach(() => {
  vi.useFakeTimers();
  [known, server, questions] = [{}, false, []];
  vi.stubGlobal("fetch", async (/** @type {string} */ url) => {
    const [path, query] = url.split("?");
    expect(path).toBe(SNAPSHOT_URL);
    const asked = JSON.parse(new URLSearchParams(query).get("rooms") ?? "");
    questions.push(asked);
    const rooms = asked.map((/** @type {string} */ room) => ({ room, ...known[room] }));
    return { ok: true, json: async () => ({ message: { server, rooms } }) };
  });
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

/** @param {Record<string, any>} state */
const state = (state, seq = 1, epoch = "e1") => ({ epoch, seq, state });

/** @param {ReturnType<typeof stubClient>} stub */
function watching(stub, room = ROOM) {
  /** @type {any[]} */
  const views = [];
  const stop = stub.client.rooms.watch(room, (view) => views.push(view));
  return { stop, last: () => views[views.length - 1] };
}

describe("under Frappe's own server", () => {
  it("asks the site for what nobody answers, and follows it in Frappe's rooms", async () => {
    known[ROOM] = state({ value: 3 });
    const stub = stubClient();
    const watcher = watching(stub);
    await vi.advanceTimersByTimeAsync(3_900);
    expect(questions).toEqual([]);
    await vi.advanceTimersByTimeAsync(200);
    expect(watcher.last()).toMatchObject({ loaded: true, stale: false, state: { value: 3 } });
    expect(stub.socket.take("doctype_subscribe")).toEqual(["ToDo"]);
    expect(stub.client.rooms.stock.isStock).toBe(true);

    stub.change(ROOM, 2, { value: 4 });
    expect(watcher.last().state).toMatchObject({ value: 4 });
    known[ROOM] = state({ value: 9 }, 7);
    stub.change(ROOM, 5, { value: 8 });
    await vi.advanceTimersByTimeAsync(100);
    expect(watcher.last().state).toMatchObject({ value: 9 });
  });

  it("asks no site while our server answers", async () => {
    const stub = stubClient();
    watching(stub);
    stub.state(ROOM, { value: 3 });
    await vi.advanceTimersByTimeAsync(60_000);
    expect(questions).toEqual([]);
    expect(stub.client.rooms.stock.isStock).toBe(false);
  });

  it("waits for our server where the site says that one runs", async () => {
    server = true;
    known[ROOM] = state({ value: 3 });
    const stub = stubClient();
    const watcher = watching(stub);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(questions).toHaveLength(1);
    expect(watcher.last().loaded).toBe(false);
    expect(stub.client.rooms.stock.isStock).toBe(false);
  });

  it("asks about many rooms at once, and of nobody's presence", async () => {
    const stub = stubClient();
    const rooms = Array.from({ length: 60 }, (_, number) => `count:website/n${number}`);
    for (const room of [...rooms, "presence:ToDo/1", "online:count"]) watching(stub, room);
    await vi.advanceTimersByTimeAsync(4_100);
    expect(questions).toEqual([rooms.slice(0, 50), rooms.slice(50)]);
  });

  it("shows why a room is not shown", async () => {
    known[ROOM] = { reason: "not permitted" };
    const watcher = watching(stubClient());
    await vi.advanceTimersByTimeAsync(4_100);
    expect(watcher.last().denied).toBe("not permitted");
  });

  it("follows a task where its document's readers hear of it", async () => {
    known[TASK] = state({ state: "running", doctype: "File", name: "a/b" });
    const stub = stubClient();
    const watcher = watching(stub, TASK);
    await vi.advanceTimersByTimeAsync(4_010);
    expect(stub.socket.take("doc_subscribe")).toEqual([["File", "a/b"]]);
    // What was told before the subscription is in the next answer.
    known[TASK] = state({ state: "done", doctype: "File", name: "a/b" }, 2);
    await vi.advanceTimersByTimeAsync(100);
    expect(watcher.last().state.state).toBe("done");
  });

  it("counts again after a save, and finds what it has missed", async () => {
    const query = "query:ToDo/{}";
    known[query] = state({ value: 1 }, 0, "");
    const stub = stubClient();
    const watcher = watching(stub, query);
    await vi.advanceTimersByTimeAsync(4_100);
    known[query] = state({ value: 2 }, 0, "");
    for (let n = 0; n < 5; n += 1) stub.socket.receive("list_update", { doctype: "ToDo" });
    await vi.advanceTimersByTimeAsync(1_100);
    expect(watcher.last().state).toMatchObject({ value: 2 });
    expect(questions).toHaveLength(2);

    known[query] = state({ value: 3 }, 0, "");
    await vi.advanceTimersByTimeAsync(30_100);
    expect(watcher.last().state).toMatchObject({ value: 3 });
    watcher.stop();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(questions).toHaveLength(3);
  });

  it("asks anew after a reconnect, and knows our server when it has come", async () => {
    known[ROOM] = state({ value: 3 });
    const stub = stubClient();
    const watcher = watching(stub);
    /** @type {boolean[]} */
    const told = [];
    stub.client.rooms.stock.onChange((isStock) => told.push(isStock));
    await vi.advanceTimersByTimeAsync(4_100);
    stub.socket.goOffline();
    known[ROOM] = state({ value: 5 }, 4);
    stub.socket.take("doctype_subscribe");
    stub.socket.goOnline();
    await vi.advanceTimersByTimeAsync(100);
    expect(watcher.last().state).toMatchObject({ value: 5 });
    expect(stub.socket.take("doctype_subscribe")).toEqual(["ToDo"]);

    stub.socket.goOffline();
    stub.socket.goOnline();
    stub.state(ROOM, { value: 6 }, 5);
    await vi.advanceTimersByTimeAsync(100);
    expect(watcher.last().state).toMatchObject({ value: 6 });
    expect(told).toEqual([true, false]);
  });
});

describe("a task under Frappe's own server", () => {
  it("is cancelled, retried and seen through the site", async () => {
    const state1 = { state: "failed", ended_at: 5, title: "Import", user: "ann" };
    known[TASK] = state(state1);
    known["tasks:ann"] = state({ t1: state1 });
    const stub = stubClient();
    const scope = effectScope();
    const [task, tasks] = /** @type {const} */ (
      scope.run(() => [useTask(TASK.slice(5)), useTasks("ann")])
    );
    await vi.advanceTimersByTimeAsync(4_100);
    expect(task.task.value).toMatchObject({ state: "failed" });

    /** @type {any[]} */
    const told = [];
    let answer = /** @type {any} */ ({ ok: true, message: 2 });
    vi.stubGlobal("frappe", { csrf_token: "token" });
    vi.stubGlobal("fetch", async (/** @type {string} */ url, /** @type {any} */ options) => {
      expect(options.headers["X-Frappe-CSRF-Token"]).toBe("token");
      told.push([url.split(".").pop(), JSON.parse(options.body)]);
      return { ok: answer.ok, status: 403, json: async () => answer };
    });
    task.retry();
    tasks.markSeen();
    await vi.advanceTimersByTimeAsync(1);
    expect(task.retrying.value).toBe("asked");
    answer = { ok: true, message: 0 };
    task.retry();
    await vi.advanceTimersByTimeAsync(1);
    expect(task.retrying.value).toBe("refused");
    answer = { ok: false };
    task.cancel();
    await expect(task.details()).rejects.toThrow("403");
    expect(task.cancelling.value).toBe("refused");
    const id = { task_id: "t1" };
    const expected = [
      ["retry", id],
      ["seen", { until: 5 }],
      ["retry", id],
      ["cancel", id],
    ];
    expect(told).toEqual([...expected, ["details", id]]);
    expect(stub.socket.take("task_retry")).toEqual([]);
    scope.stop();
  });
});

describe("the room of Frappe's", () => {
  it.each([
    ["count:doc:Sales Order/SO/1/total", "doc:Sales Order/SO/1"],
    ["count:website/visits", ""],
    ["count:user:ann/n", ""],
    ["tasks:doctype:File", "doctype:File"],
    ["tasks:doc:File/a/b", "doc:File/a/b"],
    ["tasks:ann@x.com", ""],
    ['query:ToDo/{"a":"b/c"}', "doctype:ToDo"],
    ["task:doc:x", ""],
  ])("of %s is %s", (name, room) => expect(stockRoom(name)).toBe(room));
});

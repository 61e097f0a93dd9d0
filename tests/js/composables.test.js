import { effectScope, nextTick, ref, shallowRef } from "vue";
import { describe, expect, it, vi } from "vitest";
import {
  useInvisible,
  useOnline,
  usePresence,
  usePresenceList,
  useRoom,
  useTasks,
} from "../../presence_progress/public/js/composables/index.js";
import { stubClient } from "./stubs.js";

describe("useRoom", () => {
  it("follows the room it is given and forgets the one before", () => {
    const stub = stubClient();
    const scope = effectScope();
    const room = ref("count:website/a");
    const { state } = /** @type {any} */ (scope.run(() => useRoom(room)));
    stub.state("count:website/a", { value: 1 });
    expect(state.value.value).toBe(1);

    room.value = "count:website/b";
    expect(state.value.value).toBeUndefined();
    expect(stub.socket.take("room_unwatch")).toEqual(["count:website/a"]);
    scope.stop();
    expect(stub.socket.take("room_unwatch")).toEqual(["count:website/b"]);
  });
});

describe("useTasks", () => {
  it("puts what runs first, the newest of them on top", () => {
    const stub = stubClient();
    const scope = effectScope();
    const { tasks } = /** @type {any} */ (scope.run(() => useTasks("doctype:Airport")));
    stub.state("tasks:doctype:Airport", {
      a: { state: "done", queued_at: 9 },
      b: { state: "running", queued_at: 1 },
      c: { state: "queued", queued_at: 5 },
    });
    expect(tasks.value.map((/** @type {any} */ task) => task.id)).toEqual(["c", "b", "a"]);
    scope.stop();
  });
});

describe("usePresenceList", () => {
  it("names the rows on screen and knows who is in each", async () => {
    vi.useFakeTimers();
    const stub = stubClient();
    const scope = effectScope();
    const names = ref(["A", "B"]);
    const here = /** @type {any} */ (scope.run(() => usePresenceList("Airport", names)));
    vi.advanceTimersByTime(100);
    expect(stub.socket.take("presence_list")).toEqual([{ doctype: "Airport", names: ["A", "B"] }]);
    const ada = { name: "Ada", activity: "viewing", since: 1 };
    stub.state("presence:Airport/B", { ada, ":count": 1204 });
    expect(here.get("B")).toMatchObject({ viewers: [{ user: "ada", name: "Ada" }], count: 1204 });

    names.value = ["B", "C"];
    await nextTick();
    vi.advanceTimersByTime(100);
    expect(stub.socket.take("presence_list")).toEqual([{ doctype: "Airport", names: ["B", "C"] }]);
    expect([...here.keys()].sort()).toEqual(["B", "C"]);
    expect(here.get("B").count).toBe(1204);

    scope.stop();
    vi.advanceTimersByTime(100);
    expect(stub.socket.take("presence_list")).toEqual([{ doctype: "Airport", names: [] }]);
    expect(stub.socket.take("room_watch")).toEqual([]);
    expect(stub.socket.take("room_unwatch")).toEqual([]);
  });

  it("goes over to another DocType", async () => {
    vi.useFakeTimers();
    const stub = stubClient();
    const scope = effectScope();
    const doctype = ref("Airport");
    scope.run(() => usePresenceList(doctype, ["A"]));
    vi.advanceTimersByTime(100);
    stub.socket.take("presence_list");
    doctype.value = "Task";
    await nextTick();
    vi.advanceTimersByTime(100);
    expect(stub.socket.take("presence_list")).toEqual([
      { doctype: "Airport", names: [] },
      { doctype: "Task", names: ["A"] },
    ]);
    scope.stop();
  });
});

describe("useOnline", () => {
  it("watches everybody, or their number alone", () => {
    const stub = stubClient();
    const scope = effectScope();
    const countOnly = ref(false);
    const { viewers, count } = /** @type {any} */ (scope.run(() => useOnline({ countOnly })));
    stub.state("online", { ada: { name: "Ada", activity: "idle", since: 1 }, ":count": 7 });
    expect(viewers.value).toMatchObject([{ user: "ada" }]);
    expect(count.value).toBe(7);

    countOnly.value = true;
    expect(stub.socket.take("room_unwatch")).toEqual(["online"]);
    stub.state("online:count", { ":count": 8 });
    expect(viewers.value).toEqual([]);
    expect(count.value).toBe(8);
    scope.stop();
  });
});

describe("useInvisible", () => {
  it("follows the site's answer, also for those who ask later", () => {
    const stub = stubClient();
    const scope = effectScope();
    const use = () => /** @type {any} */ (scope.run(useInvisible));
    const { invisible, setInvisible } = use();
    setInvisible(true);
    expect(stub.socket.take("presence_invisible")).toEqual([true]);
    expect(invisible.value).toBe(false);

    stub.socket.receive("presence_settings", { invisible: true });
    expect(invisible.value).toBe(true);
    expect(use().invisible.value).toBe(true);
    stub.socket.receive("presence_settings", null);
    expect(invisible.value).toBe(true);
    scope.stop();
  });
});

describe("usePresence", () => {
  it("tells viewers, their exact number, who left, and a contest apart", () => {
    const stub = stubClient();
    const scope = effectScope();
    const here = /** @type {any} */ (scope.run(() => usePresence("Airport", "LTFM")));
    const ada = { name: "Ada", activity: "editing", focus: null, since: 1 };
    stub.state("presence:Airport/LTFM", {
      ada,
      ":count": 150,
      ":left:bob": { name: "Bob", image: null, last_seen: 5 },
    });
    expect(here.viewers.value).toMatchObject([{ user: "ada" }]);
    expect(here.count.value).toBe(150);
    expect(here.left.value).toMatchObject([{ user: "bob", last_seen: 5 }]);
    expect(here.contested.value).toBe(false);

    stub.change("presence:Airport/LTFM", 2, { cyd: { ...ada, name: "Cyd" } });
    expect(here.contested.value).toBe(true);
    expect(here.editors.value.map((/** @type {any} */ one) => one.user)).toEqual(["ada", "cyd"]);
    scope.stop();
  });

  it("says again what goes on, before the server forgets it", async () => {
    vi.useFakeTimers();
    Object.defineProperty(document, "hidden", { configurable: true, get: () => false });
    const stub = stubClient();
    const scope = effectScope();
    document.body.innerHTML = `<form><input name="city" /></form>`;
    const form = document.querySelector("form");
    const type = () =>
      form?.querySelector("input")?.dispatchEvent(new Event("input", { bubbles: true }));
    scope.run(() => usePresence("Airport", "LTFM", { enter: true, form }));
    type();
    stub.socket.take("presence_update");
    vi.advanceTimersByTime(5000);
    type();
    const editing = { doctype: "Airport", name: "LTFM", activity: "editing", focus: "city" };
    expect(stub.socket.take("presence_update")).toEqual([editing]);
    scope.stop();
  });

  it("keeps what the person does when something else of the page changes", async () => {
    const stub = stubClient();
    const scope = effectScope();
    document.body.innerHTML = `<form><input name="city" /></form>`;
    const saved = shallowRef({ version: 1 });
    const form = document.querySelector("form");
    scope.run(() => usePresence("Airport", "LTFM", { enter: () => saved.value !== null, form }));
    document.querySelector("input")?.dispatchEvent(new Event("input", { bubbles: true }));
    expect(stub.socket.take("presence_update")).toMatchObject([{ activity: "editing" }]);

    saved.value = { version: 2 };
    await nextTick();
    expect(stub.socket.take("presence_update")).toEqual([]);
    scope.stop();
    expect(stub.socket.take("presence_leave")).toHaveLength(1);
  });
});

import { effectScope, nextTick, ref, shallowRef } from "vue";
import { describe, expect, it } from "vitest";
import {
  usePresence,
  useRoom,
  useTasks,
  useViewers,
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

describe("useViewers", () => {
  it("watches the rows on screen and no others", async () => {
    const stub = stubClient();
    const scope = effectScope();
    const names = ref(["A", "B"]);
    const { viewersOf } = /** @type {any} */ (scope.run(() => useViewers("Airport", names)));
    expect(stub.socket.take("room_watch")).toEqual(["presence:Airport/A", "presence:Airport/B"]);
    stub.state("presence:Airport/B", { ada: { name: "Ada", activity: "viewing", since: 1 } });
    expect(viewersOf("B")).toMatchObject([{ user: "ada", name: "Ada" }]);

    names.value = ["B", "C"];
    await Promise.resolve();
    expect(stub.socket.take("room_unwatch")).toEqual(["presence:Airport/A"]);
    expect(stub.socket.take("room_watch")).toEqual(["presence:Airport/C"]);
    expect(viewersOf("B")).toHaveLength(1);
    scope.stop();
    expect(stub.socket.take("room_unwatch")).toHaveLength(2);
  });
});

describe("usePresence", () => {
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

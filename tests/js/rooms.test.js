import { beforeEach, describe, expect, it, vi } from "vitest";
import { stubClient } from "./stubs.js";

const ROOM = "count:website/visits";

/** Watches a room and keeps what was shown. @param {ReturnType<typeof stubClient>} stub */
function watching(stub, room = ROOM) {
  /** @type {import("../../presence_progress/public/js/client/rooms.js").RoomView[]} */
  const views = [];
  const stop = stub.client.rooms.watch(room, (view) => views.push(view));
  return { stop, views, last: () => views[views.length - 1] };
}

describe("watching", () => {
  it("asks once for many watchers and unwatches after the last", () => {
    const stub = stubClient();
    const first = watching(stub);
    const second = watching(stub);
    expect(stub.socket.take("room_watch")).toEqual([ROOM]);

    first.stop();
    first.stop();
    expect(stub.socket.take("room_unwatch")).toEqual([]);
    second.stop();
    expect(stub.socket.take("room_unwatch")).toEqual([ROOM]);
  });

  it("shows a late watcher what is known, at once", () => {
    const stub = stubClient();
    watching(stub);
    stub.state(ROOM, { value: 3 });

    const late = watching(stub);
    expect(late.last()).toMatchObject({ loaded: true, state: { value: 3 } });
  });

  it("shows changes, and those that came before the snapshot", () => {
    const stub = stubClient();
    const watcher = watching(stub);
    stub.change(ROOM, 2, { value: 2 });
    expect(watcher.last().loaded).toBe(false);

    stub.state(ROOM, { value: 1 });
    expect(watcher.last().state).toMatchObject({ value: 2 });
    stub.change(ROOM, 3, { value: 3 });
    expect(watcher.last()).toMatchObject({ loaded: true, stale: false, state: { value: 3 } });
  });

  it("says nothing at old news", () => {
    const stub = stubClient();
    const watcher = watching(stub);
    stub.state(ROOM, { value: 5 }, 5);
    const shown = watcher.views.length;
    stub.change(ROOM, 4, { value: 4 });
    expect(watcher.views).toHaveLength(shown);
  });

  it("asks once at a gap, however many changes follow it", () => {
    const stub = stubClient();
    const watcher = watching(stub);
    stub.state(ROOM, { value: 1 });
    stub.socket.take("room_watch");

    for (const seq of [5, 6, 7]) stub.change(ROOM, seq, { value: seq });
    expect(stub.socket.take("room_watch")).toEqual([ROOM]);
    expect(watcher.last()).toMatchObject({ stale: true, state: { value: 1 } });

    stub.state(ROOM, { value: 6 }, 6);
    expect(watcher.last()).toMatchObject({ stale: false, state: { value: 7 } });
  });

  it("asks again when no answer comes", () => {
    vi.useFakeTimers();
    const stub = stubClient();
    watching(stub);
    stub.socket.take("room_watch");
    vi.advanceTimersByTime(9_999);
    expect(stub.socket.take("room_watch")).toEqual([]);
    vi.advanceTimersByTime(10_001);
    expect(stub.socket.take("room_watch")).toEqual([ROOM]);
    // A server that knows no rooms is not asked every few seconds for ever.
    vi.advanceTimersByTime(3_600_000);
    expect(stub.socket.take("room_watch").length).toBeLessThan(30);
  });

  it("ignores rooms that nobody watches, and messages that are none", () => {
    const stub = stubClient();
    const watcher = watching(stub);
    const shown = watcher.views.length;
    stub.state("count:website/other", { value: 9 });
    stub.change("__proto__", 1, { value: 9 });
    for (const event of ["room_state", "room_change", "room_denied"]) {
      for (const nonsense of [null, undefined, "text", 5, []]) stub.socket.receive(event, nonsense);
    }
    expect(watcher.views).toHaveLength(shown);
    expect(stub.socket.take("room_watch")).toEqual([ROOM]);
  });
});

describe("a lost connection", () => {
  it("leaves the state on screen, marked stale, and asks again on connect", () => {
    const stub = stubClient();
    const watcher = watching(stub);
    stub.state(ROOM, { value: 3 });
    stub.socket.take("room_watch");

    stub.socket.goOffline();
    expect(watcher.last()).toMatchObject({ stale: true, state: { value: 3 } });

    stub.socket.goOnline();
    expect(stub.socket.take("room_watch")).toEqual([ROOM]);
    stub.state(ROOM, { value: 1 }, 1, "e2");
    expect(watcher.last()).toMatchObject({ stale: false, state: { value: 1 } });
  });

  it("keeps no question for later: a room watched meanwhile is asked for once", () => {
    const stub = stubClient({ connected: false });
    watching(stub);
    expect(stub.socket.sent).toEqual([]);
    stub.socket.goOnline();
    expect(stub.socket.take("room_watch")).toEqual([ROOM]);
  });
});

describe("a room that a list brings", () => {
  const ROW = "presence:Airport/A";

  /** @param {ReturnType<typeof stubClient>} stub @param {string[]} names */
  function listing(stub, names) {
    const listener = vi.fn();
    const list = stub.client.presenceList("Airport", listener);
    list.show(names);
    vi.advanceTimersByTime(100);
    return { list, listener };
  }

  beforeEach(() => vi.useFakeTimers());

  it("is named with the others, once for each change of them", () => {
    const stub = stubClient();
    const { list, listener } = listing(stub, ["A", "B"]);
    expect(stub.socket.sent).toEqual([
      ["presence_list", { doctype: "Airport", names: ["A", "B"] }],
    ]);
    stub.state(ROW, { ada: 1 });
    expect(listener).toHaveBeenLastCalledWith("A", expect.objectContaining({ ada: 1 }));

    // Drawn again and again, and in the end as it was.
    for (const names of [[], ["C"], ["B", "A"]]) list.show(names);
    vi.advanceTimersByTime(100);
    expect(stub.socket.take("presence_list")).toHaveLength(1);
    list.show(["B", "C"]);
    vi.advanceTimersByTime(99);
    expect(stub.socket.take("presence_list")).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(stub.socket.take("presence_list")).toEqual([{ doctype: "Airport", names: ["B", "C"] }]);
    expect(listener).toHaveBeenLastCalledWith("C", expect.anything());
    expect(listener).toHaveBeenCalledWith("A", null);
  });

  it("is one list for the server, however many the page has", () => {
    const stub = stubClient();
    const one = listing(stub, ["A"]);
    listing(stub, ["A", "B"]);
    expect(stub.socket.take("presence_list").at(-1)).toEqual({
      doctype: "Airport",
      names: ["A", "B"],
    });
    one.list.stop();
    one.list.stop();
    vi.advanceTimersByTime(100);
    expect(stub.socket.sent).toEqual([]);
  });

  it("names no more than the server takes", () => {
    const stub = stubClient();
    listing(
      stub,
      Array.from({ length: 600 }, (_, index) => `R${index}`),
    );
    expect(stub.socket.take("presence_list")[0].names).toHaveLength(500);
  });

  it("is named again after a reconnect, and not asked for besides", () => {
    const stub = stubClient();
    listing(stub, ["A"]);
    stub.state(ROW, { ada: 1 });
    stub.socket.goOffline();
    stub.socket.sent = [];
    stub.socket.goOnline();
    expect(stub.socket.sent).toEqual([["presence_list", { doctype: "Airport", names: ["A"] }]]);
  });

  it("asks for itself when a row is not brought again: it may be seen no more", () => {
    const stub = stubClient();
    const { listener } = listing(stub, ["A"]);
    stub.state(ROW, { ada: 1 });
    stub.socket.goOffline();
    stub.socket.goOnline();
    vi.advanceTimersByTime(20_000);
    expect(stub.socket.take("room_watch")).toEqual([ROW]);
    stub.deny(ROW, "not permitted");
    expect({ .../** @type {any} */ (listener.mock.lastCall)[1] }).toEqual({});
  });

  it("is shared with whoever watches it alone, and stays when the list goes", () => {
    const stub = stubClient();
    const { list } = listing(stub, ["A"]);
    stub.state(ROW, { value: 1 });
    stub.socket.sent = [];
    const watcher = watching(stub, ROW);
    expect(watcher.last()).toMatchObject({ loaded: true, state: { value: 1 } });
    expect(stub.socket.sent).toEqual([]);

    list.stop();
    vi.advanceTimersByTime(100);
    // In this order: the server has no moment in which nobody wants it.
    expect(stub.socket.sent).toEqual([
      ["room_watch", ROW],
      ["presence_list", { doctype: "Airport", names: [] }],
    ]);
    stub.socket.sent = [];
    watcher.stop();
    expect(stub.socket.sent).toEqual([["room_unwatch", ROW]]);
  });

  it("stays with the list when whoever watched it alone goes", () => {
    const stub = stubClient();
    const watcher = watching(stub, ROW);
    const { list } = listing(stub, ["A"]);
    stub.socket.sent = [];
    watcher.stop();
    expect(stub.socket.sent).toEqual([]);
    list.stop();
    vi.advanceTimersByTime(100);
    expect(stub.socket.take("room_unwatch")).toEqual([ROW]);
  });

  it("is asked for by itself after a gap", () => {
    const stub = stubClient();
    const { listener } = listing(stub, ["A"]);
    stub.state(ROW, { value: 1 });
    stub.change(ROW, 5, { value: 5 });
    expect(stub.socket.take("room_watch")).toEqual([ROW]);
    stub.state(ROW, { value: 5 }, 5);
    expect(listener).toHaveBeenLastCalledWith("A", expect.objectContaining({ value: 5 }));
  });

  it("is named later when the server could not tell who may see it", () => {
    const stub = stubClient();
    listing(stub, ["A"]);
    stub.socket.sent = [];
    stub.deny("presence:Airport", "try again");
    vi.advanceTimersByTime(1000);
    expect(stub.socket.take("presence_list")).toHaveLength(1);
  });

  it("shows nothing of a list that is refused as a whole", () => {
    const stub = stubClient();
    const { listener } = listing(stub, ["A"]);
    stub.state(ROW, { ada: 1 });
    stub.deny("presence:Task", "presence is off");
    expect(listener).toHaveBeenLastCalledWith("A", expect.objectContaining({ ada: 1 }));
    stub.deny("presence:Airport", "presence is off");
    expect({ .../** @type {any} */ (listener.mock.lastCall)[1] }).toEqual({});
  });
});

describe("a refusal", () => {
  it("takes away what was shown", () => {
    const stub = stubClient();
    const watcher = watching(stub);
    stub.state(ROOM, { value: 3 });
    stub.deny(ROOM, "not permitted");
    expect(watcher.last()).toMatchObject({ denied: "not permitted", loaded: false, stale: false });
    expect({ ...watcher.last().state }).toEqual({});

    stub.state(ROOM, { value: 4 });
    expect(watcher.last()).toMatchObject({ denied: null, state: { value: 4 } });
  });

  it("of the kind 'try again' is asked again, later and later", () => {
    vi.useFakeTimers();
    const stub = stubClient();
    const watcher = watching(stub);
    stub.socket.take("room_watch");

    for (const wait of [1000, 2000, 4000]) {
      stub.deny(ROOM, "try again");
      expect(watcher.last().denied).toBeNull();
      vi.advanceTimersByTime(wait / 2 - 1);
      expect(stub.socket.take("room_watch")).toEqual([]);
      vi.advanceTimersByTime(wait / 2 + 1);
      expect(stub.socket.take("room_watch")).toEqual([ROOM]);
    }
  });

  it("of something else that was asked of the room leaves it watched", () => {
    const stub = stubClient();
    const watcher = watching(stub);
    stub.state(ROOM, { value: 3 });
    stub.deny(ROOM, "may not cancel");
    expect(watcher.last()).toMatchObject({ denied: null, state: { value: 3 } });
  });
});

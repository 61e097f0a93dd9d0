import { describe, expect, it, vi } from "vitest";
import { createPresence } from "../../presence_progress/public/js/client/presence.js";
import { createConnection } from "../../presence_progress/public/js/client/connection.js";
import { stubSocket } from "./stubs.js";

const DOC = { doctype: "Airport", name: "LTFM" };
const VIEWING = { ...DOC, activity: "viewing", focus: null };
const EDITING = { ...DOC, activity: "editing", focus: "city" };

/** @param {{ connected?: boolean, pageswap?: boolean }} [options] */
function setup({ connected = true, pageswap = true } = {}) {
  const socket = stubSocket({ connected });
  const page = /** @type {any} */ (new EventTarget());
  page.location = { href: "http://site/app" };
  page.performance = { now: () => 1000 };
  if (pageswap) page.onpageswap = null;
  const presence = createPresence(createConnection(socket), page);

  return {
    socket,
    page,
    presence,
    enter: () => presence.enter(DOC.doctype, DOC.name),
    /** @param {string} type @param {Record<string, any>} [properties] */
    dispatch: (type, properties) => page.dispatchEvent(Object.assign(new Event(type), properties)),
  };
}

describe("being in a document", () => {
  it("is said on entering, at changes and on leaving", () => {
    const { socket, enter } = setup();
    const visit = enter();
    visit.update({ activity: "editing", focus: "city" });
    visit.update({ activity: "editing" });
    visit.leave();
    visit.leave();

    expect(socket.sent).toEqual([
      ["presence_enter", VIEWING],
      ["presence_update", EDITING],
      ["presence_leave", DOC],
    ]);
  });

  it("is said once more, unchanged, when it goes on", () => {
    const { socket, enter } = setup();
    const visit = enter();
    visit.renew();
    expect(socket.sent).toEqual([
      ["presence_enter", VIEWING],
      ["presence_update", VIEWING],
    ]);
  });

  it.each(["may not enter", "presence is off"])("goes unsaid after '%s'", (reason) => {
    const { socket, enter } = setup();
    const visit = enter();
    socket.receive("room_denied", { room: "presence:Airport/LTFM", reason });
    socket.sent = [];
    visit.update({ activity: "editing" });
    visit.renew();
    expect(socket.sent).toEqual([]);
    // Settings and rights change: a new connection asks.
    socket.goOnline();
    expect(socket.take("presence_enter")).toHaveLength(1);
    visit.update({ activity: "viewing" });
    expect(socket.take("presence_update")).toHaveLength(1);
  });

  it("is said again on every connect, as it is by then", () => {
    const { socket, enter } = setup({ connected: false });
    const visit = enter();
    expect(socket.sent).toEqual([]);
    socket.goOnline();
    expect(socket.take("presence_enter")).toEqual([VIEWING]);

    socket.goOffline();
    visit.update({ activity: "editing", focus: "city" });
    socket.goOnline();
    expect(socket.sent).toEqual([["presence_enter", EDITING]]);
  });

  it("is one entry for all its holders on a page, the strongest activity wins", () => {
    const { socket, enter } = setup();
    const form = enter();
    const sidebar = enter();
    form.update({ activity: "editing", focus: "city" });
    sidebar.update({ activity: "idle" });
    form.leave();
    sidebar.leave();

    expect(socket.sent).toEqual([
      ["presence_enter", VIEWING],
      ["presence_update", EDITING],
      ["presence_update", { ...VIEWING, activity: "idle" }],
      ["presence_leave", DOC],
    ]);
  });

  it("is tried again when the server could not tell whether it may be", () => {
    vi.useFakeTimers();
    const { socket, enter } = setup();
    enter();
    socket.take("presence_enter");
    socket.receive("room_denied", { room: "presence:Airport/LTFM", reason: "try again" });
    vi.advanceTimersByTime(1000);
    expect(socket.take("presence_enter")).toEqual([VIEWING]);

    socket.receive("room_denied", { room: "presence:Airport/LTFM", reason: "may not enter" });
    vi.advanceTimersByTime(60_000);
    expect(socket.take("presence_enter")).toEqual([]);
  });
});

describe("a page that goes away", () => {
  it("says goodbye when it is closed", () => {
    const { socket, enter, dispatch } = setup();
    enter();
    dispatch("pagehide");
    expect(socket.take("presence_leave")).toEqual([DOC]);
  });

  it.each([
    ["another page of the site", { navigationType: "push", entry: { url: "http://site/other" } }],
    ["another site", null],
  ])("says goodbye on the way to %s", (_, activation) => {
    const { socket, enter, dispatch } = setup();
    enter();
    dispatch("pageswap", { activation });
    dispatch("pagehide");
    expect(socket.take("presence_leave")).toEqual([DOC]);
  });

  it.each([
    ["reloaded", { navigationType: "reload", entry: { url: "http://site/app" } }],
    [
      "entered in the address bar again",
      { navigationType: "replace", entry: { url: "http://site/app" } },
    ],
  ])("says nothing when it is %s", (_, activation) => {
    const { socket, enter, dispatch } = setup();
    enter();
    dispatch("pageswap", { activation });
    dispatch("pagehide");
    expect(socket.take("presence_leave")).toEqual([]);
  });

  it.each([{ key: "F5" }, { key: "r", ctrlKey: true }, { key: "R", metaKey: true }])(
    "knows a reload by its key, %o, in browsers without pageswap",
    (key) => {
      // The key counts for three seconds, which a machine that stands still shall not use up.
      vi.useFakeTimers();
      const { socket, enter, dispatch, page } = setup({ pageswap: false });
      enter();
      page.performance.now = () => performance.now();
      dispatch("keydown", key);
      dispatch("pagehide");
      expect(socket.take("presence_leave")).toEqual([]);
    },
  );

  it("says nothing after the goodbye, such as that it is hidden now", () => {
    const { socket, enter, dispatch } = setup();
    const visit = enter();
    dispatch("pagehide");
    socket.sent = [];
    visit.update({ activity: "idle" });
    expect(socket.sent).toEqual([]);
  });

  it("enters again when it comes back from the cache", () => {
    const { socket, enter, dispatch, presence } = setup();
    enter();
    dispatch("pagehide", { persisted: true });
    socket.sent = [];
    presence.announce();
    expect(socket.sent).toEqual([]);
    dispatch("pageshow", { persisted: true });
    presence.announce();
    expect(socket.sent).toEqual([["presence_enter", VIEWING]]);
  });
});

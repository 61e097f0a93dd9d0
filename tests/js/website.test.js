import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { load } from "../../presence_progress/public/js/web/assets.js";
import { offerVue } from "../../presence_progress/public/js/web/lateVue.js";
import { learnLanguage } from "../../presence_progress/public/js/web/language.js";
import { isolateReadyCallbacks } from "../../presence_progress/public/js/web/ready.js";
import { keepRooms, prepareRealtime } from "../../presence_progress/public/js/web/realtime.js";
import { stubSocket } from "./stubs.js";

const page = /** @type {any} */ (window);

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  delete page.frappe;
  delete page.Vue;
});

describe("the page's connection", () => {
  it("is made before the page's own scripts want it, without connecting, and never gives up", () => {
    const socket = stubSocket();
    const init = vi.fn(() => (page.frappe.realtime.socket = socket));
    Object.assign(page, { frappe: { ready() {}, realtime: { init } }, socketio_port: 9000 });
    prepareRealtime();
    expect(init).toHaveBeenCalledExactlyOnceWith(9000, true);
    expect(socket.connects).toBe(0);
    expect(socket.settings.attempts).toBe(Infinity);
    prepareRealtime();
    expect(socket.listenerCount("connect_error")).toBe(1);
  });

  it("is left alone where Frappe has none: in Desk, or with disable_async", () => {
    const init = vi.fn();
    page.frappe = { realtime: { init } };
    prepareRealtime();
    expect(init).not.toHaveBeenCalled();
    page.frappe = { ready() {}, realtime: { init } };
    prepareRealtime();
    page.frappe = undefined;
    prepareRealtime();
  });

  it("subscribes again to what its new server was not told", () => {
    const socket = stubSocket({ connected: true });
    /** @type {Function} */
    let sending = () => {};
    Object.assign(socket, { onAnyOutgoing: (/** @type {Function} */ hear) => (sending = hear) });
    const { emit } = socket;
    socket.emit = (/** @type {any[]} */ ...packet) => {
      sending(...packet);
      emit(...packet);
    };
    keepRooms(socket);
    socket.emit("doc_subscribe", "Airport", "KJFK");
    socket.emit("task_subscribe", "t1");
    socket.emit("doctype_subscribe", "Airport");
    socket.emit("doctype_unsubscribe", "Airport");
    socket.emit("told", "anything else");
    socket.goOffline();
    socket.sent = [];
    // Said offline: socket.io itself sends it first.
    socket.emit("task_subscribe", "t2");
    socket.goOnline();
    expect(socket.sent).toEqual([
      ["task_subscribe", "t2"],
      ["doc_subscribe", "Airport", "KJFK"],
      ["task_subscribe", "t1"],
    ]);
  });
});

it("keeps an error in one frappe.ready callback from ending the others, as loud as it was", () => {
  const stock = vi.fn(() => page.frappe.ready_events.forEach((/** @type {any} */ fn) => fn()));
  const first = vi.fn();
  const events = [
    first,
    () => {
      throw new Error("somebody else's");
    },
  ];
  page.frappe = { trigger_ready: stock, ready_events: events };
  isolateReadyCallbacks();
  const last = vi.fn();
  events.push(last);
  page.frappe.trigger_ready();
  page.frappe.trigger_ready();
  expect(stock).toHaveBeenCalledTimes(2);
  expect(first).toHaveBeenCalledTimes(2);
  expect(last).toHaveBeenCalledTimes(2);
  expect(() => vi.runAllTimers()).toThrow("somebody else's");
});

describe("a bundle", () => {
  it("is loaded once, by the name of this build, and again until it is there", async () => {
    page.frappe = { boot: { assets_json: { "some.bundle.js": "/assets/some.bundle.HASH.js" } } };
    /** @type {HTMLScriptElement[]} */
    const scripts = [];
    vi.spyOn(document.head, "append").mockImplementation((script) => {
      scripts.push(/** @type {HTMLScriptElement} */ (script));
    });
    const loading = load("some");
    expect(load("some")).toBe(loading);
    expect(scripts.map((script) => script.getAttribute("src"))).toEqual([
      "/assets/some.bundle.HASH.js",
    ]);
    for (const attempt of [0, 1, 2]) {
      scripts[attempt].onerror?.(new Event("error"));
      vi.advanceTimersByTime(30_000);
    }
    expect(scripts).toHaveLength(4);
    scripts[3].onload?.(new Event("load"));
    await loading;
  });
});

it("leaves a Vue alone that the page has brought", () => {
  const theirs = (page.Vue = class {});
  offerVue();
  expect(page.Vue).toBe(theirs);
});

describe("the page's language", () => {
  /** @param {string} lang @param {() => Promise<any>} answer */
  async function learn(lang, answer) {
    const asked = vi.fn(answer);
    vi.stubGlobal("fetch", asked);
    document.documentElement.lang = lang;
    page.frappe = { _messages: { Yes: "Jawohl" } };
    await learnLanguage();
    return { asked, messages: page.frappe._messages };
  }
  afterEach(() => {
    document.documentElement.lang = "en";
  });

  it("is asked of the site, and what the page says itself stays", async () => {
    const message = { Yes: "Ja", "Done:presence_progress": "Fertig" };
    const { asked, messages } = await learn("de-AT", async () => ({
      json: async () => ({ message }),
    }));
    expect(asked.mock.calls[0]?.at(0)).toMatch(/languages\.messages\?language=de$/);
    expect(messages).toEqual({ Yes: "Jawohl", "Done:presence_progress": "Fertig" });
  });

  it("is not asked for in English", async () => {
    expect((await learn("en", async () => {})).asked).not.toHaveBeenCalled();
    expect((await learn("", async () => {})).asked).not.toHaveBeenCalled();
  });

  it("stays English without an answer", async () => {
    const { messages } = await learn("fr", () => Promise.reject(new TypeError("away")));
    expect(messages).toEqual({ Yes: "Jawohl" });
    await expect(learn("fr", async () => ({ json: async () => ({}) }))).resolves.toBeDefined();
  });
});

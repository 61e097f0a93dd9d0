/** What our Desk code decides, without a Desk: that one is looked at by hand, in a bench. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { nextTick } from "vue";
import { watchActivity } from "../../presence_progress/public/js/client/activity.js";
import { findAnchor } from "../../presence_progress/public/js/desk/anchors.js";
import { documentOf } from "../../presence_progress/public/js/desk/current.js";
import { fieldLabel, fieldOf, mirrorForm } from "../../presence_progress/public/js/desk/fields.js";
import { after, onMove, safely } from "../../presence_progress/public/js/desk/page.js";
import { createProgressSwitch } from "../../presence_progress/public/js/desk/progress.js";
import {
  deskClient,
  forgetDeskClient,
  stockRooms,
} from "../../presence_progress/public/js/desk/realtime.js";
import { readRows } from "../../presence_progress/public/js/desk/rows.js";
import { setting } from "../../presence_progress/public/js/desk/settings.js";
import { holdTray } from "../../presence_progress/public/js/desk/tray.js";
import { stubDesk, stubForm } from "./deskStubs.js";
import { stubClient } from "./stubs.js";

beforeEach(() => {
  vi.useFakeTimers();
  // What Frappe's server leaves unanswered is asked of the site.
  vi.stubGlobal("fetch", () => Promise.reject(new Error("no site here")));
});
afterEach(() => {
  forgetDeskClient();
  vi.unstubAllGlobals();
});

/** @param {string} html */
function page(html) {
  document.body.innerHTML = html;
  return document.body;
}

describe("the document that a form shows", () => {
  const shown = () => true;

  it("is the one it has, while it is in sight", () => {
    const form = stubForm({ name: "SO-1" });
    expect(documentOf(form, shown)).toEqual({ doctype: "Supply Order", name: "SO-1" });
    expect(documentOf(form, () => false)).toBeNull();
  });

  it("may have a number for a name", () => {
    expect(documentOf(stubForm({ name: 17 }), shown)?.name).toBe("17");
  });

  it.each([
    ["one never saved", stubForm({ name: "new-supply-order-1", __islocal: 1 })],
    ["one without a name", stubForm({})],
    ["none yet", { doctype: "Supply Order" }],
    ["a row of a table", { ...stubForm(), meta: { istable: 1 } }],
    ["no form", null],
  ])("is nobody else's business: %s", (_, form) => {
    expect(documentOf(form, shown)).toBeNull();
  });
});

const FORM = `
  <div id="form">
    <div class="frappe-control" data-fieldname="city" data-fieldtype="Data"><input id="city" /></div>
    <div class="frappe-control" data-fieldname="lines" data-fieldtype="Table">
      <button id="add"></button>
      <div class="grid-row"><div class="frappe-control" data-fieldname="qty"><input id="qty" /></div></div>
    </div>
    <div class="modal"><div class="frappe-control" data-fieldname="asked"><input id="asked" /></div></div>
    <input id="stray" />
  </div>`;

/** @param {string} id */
const element = (id) => /** @type {HTMLElement} */ (document.getElementById(id));

describe("a form's fields", () => {
  it("are named by the innermost control, with the table around it", () => {
    page(FORM);
    const names = ["city", "qty", "add", "asked", "stray"].map((id) => fieldOf(element(id)));
    expect(names).toEqual(["city", "lines.qty", "lines", null, null]);
    expect(fieldOf(document)).toBeNull();
  });

  it("are called what the DocType calls them", () => {
    const fields = /** @type {Record<string, any>} */ ({
      "Supply Order.lines": { label: "Lines", options: "Order Line" },
      "Order Line.qty": { label: "Quantity" },
    });
    const frappe = {
      meta: {
        get_docfield: (/** @type {string} */ type, /** @type {string} */ name) =>
          fields[`${type}.${name}`],
      },
    };
    expect(fieldLabel("Supply Order", "lines.qty", frappe)).toBe("Lines: Quantity");
    expect(fieldLabel("Supply Order", "unknown", frappe)).toBe("unknown");
    expect(fieldLabel("Supply Order", "lines.qty", undefined)).toBe("lines: qty");
  });

  it("tell of focus once it has come to rest, and of typing at once", () => {
    page(FORM);
    const { target, type } = mirrorForm(element("form"));
    /** @type {any[]} */
    const told = [];
    const stop = watchActivity({ form: target, onChange: (doing) => told.push(doing) });
    const say = (/** @type {string} */ id, /** @type {string} */ event) =>
      element(id).dispatchEvent(new Event(event, { bubbles: true }));
    told.length = 0;

    say("city", "focusin");
    say("city", "focusout");
    say("qty", "focusin");
    expect(told).toEqual([]);
    vi.advanceTimersByTime(200);
    expect(told).toEqual([{ activity: "viewing", focus: "lines.qty" }]);

    say("qty", "input");
    expect(told[1]).toEqual({ activity: "editing", focus: "lines.qty" });
    say("asked", "input");
    say("stray", "focusin");
    vi.advanceTimersByTime(200);
    expect(told.slice(2)).toEqual([{ activity: "editing", focus: null }]);

    vi.advanceTimersByTime(11_000);
    expect(told.at(-1)).toEqual({ activity: "viewing", focus: null });
    // A date that was chosen, which no key was pressed for.
    type();
    expect(told.at(-1)).toEqual({ activity: "editing", focus: null });
    stop();
  });
});

describe("a list's rows", () => {
  it("are known by their exact names, whatever stands between them", () => {
    const row = (/** @type {string} */ name) => {
      const made = document.createElement("div");
      made.className = "list-row-container";
      made.innerHTML = '<div class="list-subject"><input class="list-row-checkbox" /></div>';
      made.querySelector("input")?.setAttribute("data-name", name);
      return made;
    };
    const header = page('<div class="list-row-container"><div class="list-subject"></div></div>');
    const names = ['SO "quoted" & 100% ü/7', "SO'2", "3"];
    header.append(...names.map(row));

    const rows = readRows(document.body);
    expect([...rows.keys()]).toEqual(names);
    expect(rows.get("3")?.subject).toBe(document.body.lastElementChild?.firstElementChild);
  });

  it("are none in a view without rows", () => {
    expect(readRows(null).size).toBe(0);
    expect(readRows(page('<div class="datatable"></div>')).size).toBe(0);
  });
});

describe("the tray", () => {
  const NAVBAR =
    '<header class="navbar"><ul><li class="dropdown-notifications hidden"></li></ul></header>';
  const SIDEBAR = '<div class="body-sidebar"><div class="standard-items-sections"></div></div>';

  it("stands before the bell, else in the sidebar", () => {
    expect(findAnchor(page(NAVBAR + SIDEBAR))).toMatchObject({ kind: "navbar" });
    expect(findAnchor(page(SIDEBAR))).toMatchObject({ kind: "sidebar", before: null });
    expect(findAnchor(page(""))).toBeNull();
  });

  it("does not stand in a sidebar that a narrow window hides", () => {
    vi.stubGlobal("matchMedia", () => ({ matches: true }));
    expect(findAnchor(page(SIDEBAR))).toBeNull();
    expect(findAnchor(page(NAVBAR + SIDEBAR))).toMatchObject({ kind: "navbar" });
    vi.unstubAllGlobals();
  });

  it("moves to where Desk has a place for it, and back into a navbar made anew", () => {
    stubDesk({ get_route: () => ["Workspaces"] });
    page("");
    const root = document.createElement("div");
    const { place } = holdTray(root);
    expect(place()).toBe(false);
    expect(root.isConnected).toBe(false);

    place({ float: true });
    expect(root.closest("[data-place=floating]")).not.toBeNull();
    for (let made = 0; made < 2; made++) {
      page(NAVBAR);
      expect(place()).toBe(true);
      place();
      expect(document.querySelectorAll(".pp-desk-tray")).toHaveLength(1);
      expect(root.parentElement?.matches("li.nav-item")).toBe(true);
      expect(root.parentElement?.nextElementSibling?.matches(".dropdown-notifications")).toBe(true);
    }
  });

  it("does not float over the setup", () => {
    stubDesk({ get_route: () => ["setup-wizard"] });
    page("");
    const root = document.createElement("div");
    holdTray(root).place({ float: true });
    expect(root.isConnected).toBe(false);
  });
});

describe("progress of Frappe's own", () => {
  function setup({ inTray = [] } = /** @type {{ inTray?: string[] }} */ ({})) {
    const dialog = vi.fn();
    const another = vi.fn();
    /** @type {Function[]} */
    let listeners = [dialog, another];
    const socket = {
      listeners: () => listeners,
      off: (/** @type {string} */ _, /** @type {Function} */ one) =>
        (listeners = listeners.filter((known) => known !== one)),
      on: (/** @type {string} */ _, /** @type {Function} */ one) => listeners.push(one),
    };
    const progress = createProgressSwitch(socket, (title) => inTray.includes(title));
    const tell = (/** @type {any} */ data) => listeners.forEach((listener) => listener(data));
    return { dialog, another, progress, tell };
  }

  it("goes to the tray, with no other listener taken away", () => {
    const { dialog, another, progress, tell } = setup({ inTray: ["Import"] });
    progress.set(true);
    progress.set(true);
    for (let percent = 1; percent < 10; percent++) {
      tell({ title: "Import", percent });
      vi.advanceTimersByTime(1_000);
    }
    expect(dialog).not.toHaveBeenCalled();
    expect(another).toHaveBeenCalledTimes(9);
  });

  it("gets its dialog back when it is switched off", () => {
    const { dialog, progress, tell } = setup();
    progress.set(true);
    progress.set(false);
    tell({ percent: 1 });
    expect(dialog).toHaveBeenCalledOnce();
  });

  it("gets its dialog when it goes on, and is not in the tray", () => {
    const { dialog, progress, tell } = setup();
    progress.set(true);
    tell({ percent: 10 });
    vi.advanceTimersByTime(2_000);
    tell({ percent: 20 });
    expect(dialog).not.toHaveBeenCalled();
    vi.advanceTimersByTime(2_000);
    tell({ percent: 30 });
    expect(dialog).toHaveBeenCalledExactlyOnceWith({ percent: 30 });
    // The next run of that title begins from nothing.
    vi.advanceTimersByTime(60_000);
    tell({ percent: 10 });
    expect(dialog).toHaveBeenCalledOnce();
  });

  it("stays as it is on a page without a connection", () => {
    createProgressSwitch(undefined, () => false).set(true);
  });
});

describe("the server at the other end", () => {
  function setup() {
    const realtime = { open_docs: new Set(), open_tasks: {} };
    stubDesk({ realtime });
    const { socket } = stubClient();
    return { socket, server: deskClient().server, realtime };
  }

  it("is ours when it answers", () => {
    const { socket, server } = setup();
    expect(server.value).toBe("unknown");
    socket.receive("room_denied", { room: "tasks:ada@example.com", reason: "try again" });
    expect(server.value).toBe("ours");
    vi.advanceTimersByTime(60_000);
    expect(server.value).toBe("ours");
  });

  it("is Frappe's own when it is silent; and ours again after a switch", () => {
    const { socket, server } = setup();
    vi.advanceTimersByTime(8_000);
    expect(server.value).toBe("stock");
    socket.goOffline();
    socket.goOnline();
    socket.receive("room_state", { room: "x", epoch: "e", seq: 1, state: {} });
    expect(server.value).toBe("ours");
  });

  it("is not judged while it is away", () => {
    const { socket, server } = setup();
    socket.receive("room_state", { room: "x", epoch: "e", seq: 1, state: {} });
    socket.goOffline();
    vi.advanceTimersByTime(60_000);
    expect(server.value).toBe("ours");
  });

  it("is asked again for what Frappe's own client had joined, but for the first time", () => {
    const { socket, realtime } = setup();
    Object.assign(realtime, { open_docs: new Set(["ToDo:a:b"]), open_tasks: { t1: {} } });
    vi.stubGlobal("cur_frm", stubForm());
    vi.stubGlobal("cur_list", { doctype: "ToDo" });
    expect(socket.take("doc_subscribe")).toEqual([]);
    socket.goOffline();
    socket.goOnline();
    expect(socket.take("doc_subscribe")).toEqual([["ToDo", "a:b"]]);
    expect(socket.take("task_subscribe")).toEqual(["t1"]);
    expect(socket.take("doctype_subscribe")).toEqual(["ToDo"]);
    expect(socket.take("doc_open")).toEqual([["Supply Order", "SO-1"]]);
  });

  it("is asked for nothing by a page that had nothing", () => {
    stubDesk();
    vi.stubGlobal("cur_frm", stubForm({ name: "new-1", __islocal: 1 }));
    expect(stockRooms()).toEqual([]);
  });
});

describe("Desk's own code", () => {
  it("goes on when ours fails", () => {
    const report = vi.fn();
    vi.stubGlobal("reportError", report);
    const prototype = { render: (/** @type {number} */ number) => number + 1 };
    after(prototype, "render", () => {
      throw new Error("ours");
    });
    after(prototype, "missing", () => {});
    expect(prototype.render(1)).toBe(2);
    safely(() => {
      throw new Error("ours");
    });
    expect(report).toHaveBeenCalledTimes(2);
  });

  it("is looked at once after the events of one move", async () => {
    const { trigger } = stubDesk();
    const look = vi.fn();
    onMove(look);
    for (const event of ["form-unload", "page-change", "form-refresh"]) trigger(event);
    await nextTick();
    expect(look).not.toHaveBeenCalled();
    vi.advanceTimersByTime(50);
    expect(look).toHaveBeenCalledOnce();
  });
});

describe("a setting", () => {
  it.each([
    [undefined, true],
    [{}, true],
    [{ progress_in_tray: 1 }, true],
    [{ progress_in_tray: 0 }, false],
    [{ progress_in_tray: false }, false],
  ])("%o", (settings, expected) => {
    stubDesk({ boot: { presence_progress: settings } });
    expect(setting("progress_in_tray")).toBe(expected);
  });
});

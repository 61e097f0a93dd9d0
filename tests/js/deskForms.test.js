/** Our viewers in the place of Frappe's, in forms that are stubs. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { nextTick } from "vue";
import { replaceViewers } from "../../presence_progress/public/js/desk/forms.js";
import { forgetDeskClient } from "../../presence_progress/public/js/desk/realtime.js";
import { stubDesk, stubForm } from "./deskStubs.js";
import { stubClient } from "./stubs.js";

/** As Frappe's, as far as others use it. */
class StockViewers {
  /** @param {{ frm: any, parent: any }} options */
  constructor({ frm, parent }) {
    Object.assign(this, { frm, parent });
    this.parent = parent;
    this.setup_events();
  }
  setup_events() {
    throw new Error("would take away another listener of the page");
  }
  refresh() {
    this.parent.html("stock");
  }
  update_users() {}
}

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("fetch", () => Promise.reject(new Error("no site here")));
  // Nothing is laid out in these tests, and nothing would be in sight.
  vi.spyOn(Element.prototype, "getClientRects").mockReturnValue(/** @type {any} */ ([{}]));
});
afterEach(() => {
  forgetDeskClient();
  vi.unstubAllGlobals();
});

/** jQuery around the element where Frappe draws. */
function stubParent() {
  const element = document.createElement("div");
  document.body.append(element);
  return {
    element,
    before: (/** @type {Element} */ other) => element.before(other),
    empty: () => element.replaceChildren(),
    html: (/** @type {string} */ html) => (element.innerHTML = html),
  };
}

async function setup() {
  const ui = { form: { FormViewers: /** @type {any} */ (StockViewers) } };
  const on = vi.fn();
  const { trigger } = stubDesk({ ui, realtime: { on } });
  const { socket, state } = stubClient();
  replaceViewers();
  const form = /** @type {any} */ ({ ...stubForm({ name: "A" }), $wrapper: { on: vi.fn() } });
  const parent = stubParent();
  const viewers = new ui.form.FormViewers({ frm: form, parent });
  const settle = async () => {
    vi.advanceTimersByTime(60);
    await nextTick();
    await nextTick();
  };
  await settle();
  /** @param {string} name @param {Record<string, any>} [people] */
  const here = async (name, people = {}) => {
    state(`presence:Supply Order/${name}`, { ":count": Object.keys(people).length, ...people });
    await nextTick();
    await nextTick();
  };
  const faces = () =>
    [...document.querySelectorAll("[data-user]")].map((face) => face.getAttribute("data-user"));
  return { socket, form, parent, viewers, settle, trigger, here, faces, on };
}

const ADA = { name: "Ada", image: null, activity: "viewing", focus: null, since: 1 };
const BOB = { ...ADA, name: "Bob", since: 2 };

describe("a form's viewers", () => {
  it("are the others, and stay where Frappe empties its own place", async () => {
    const { viewers, parent, here, faces } = await setup();
    await here("A", { "ada@example.com": ADA, "bob@example.com": BOB });
    expect(faces()).toEqual(["bob@example.com"]);
    parent.empty();
    viewers.refresh();
    expect(faces()).toEqual(["bob@example.com"]);
  });

  it("leave the document that the form goes on from", async () => {
    const { socket, form, settle, trigger } = await setup();
    expect(socket.take("presence_enter")).toMatchObject([{ name: "A" }]);
    form.doc = { name: "B" };
    trigger("form-refresh");
    await settle();
    expect(socket.take("presence_leave")).toMatchObject([{ name: "A" }]);
    expect(socket.take("presence_enter")).toMatchObject([{ name: "B" }]);
  });

  it("enter a new document once it is saved", async () => {
    const { socket, form, settle, trigger } = await setup();
    form.doc = { name: "new-1", __islocal: 1 };
    trigger("form-refresh");
    await settle();
    expect(socket.take("presence_leave")).toHaveLength(1);
    expect(socket.take("presence_enter")).toHaveLength(1);
    form.doc = { name: "C" };
    trigger("form-rename");
    await settle();
    expect(socket.take("presence_enter")).toMatchObject([{ name: "C" }]);
  });

  it("take away no listener of the page, and hear Frappe's own while nobody else tells", async () => {
    const { viewers, on, here } = await setup();
    const update = vi.spyOn(viewers, "update_users");
    expect(on.mock.calls.map(([event]) => event)).toEqual(["doc_viewers"]);
    on.mock.calls[0][1]({ users: [] });
    await here("A");
    on.mock.calls[0][1]({ users: [] });
    expect(update).toHaveBeenCalledOnce();
  });

  it("are Frappe's under Frappe's own server, with one quiet line", async () => {
    const { parent } = await setup();
    vi.advanceTimersByTime(8_000);
    await nextTick();
    await nextTick();
    expect(parent.element.textContent).toBe("stock");
    const note = document.querySelector(".pp-desk-missing");
    expect(note?.textContent).toContain("bench presence-progress switch");
  });
});

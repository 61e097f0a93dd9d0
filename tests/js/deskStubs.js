/** Stand-ins for Desk: its globals and its markup, as far as our code touches them. */
import { vi } from "vitest";

/** jQuery, of which we use events of the document. */
export function stubJquery() {
  /** @type {Map<string, Set<Function>>} */
  const handlers = new Map();
  const on = (/** @type {string} */ events, /** @type {Function} */ handler) => {
    for (const event of events.split(" ")) {
      if (!handlers.has(event)) handlers.set(event, new Set());
      handlers.get(event)?.add(handler);
    }
  };
  return {
    $: () => ({ on, one: on }),
    /** @param {string} event */
    trigger: (event) => handlers.get(event)?.forEach((handler) => handler()),
  };
}

/**
 * Puts Desk's globals on the window, until the test ends.
 *
 * @param {Record<string, any>} frappe
 */
export function stubDesk(frappe = {}) {
  const { $, trigger } = stubJquery();
  vi.stubGlobal("$", $);
  vi.stubGlobal("frappe", { session: { user: "ada@example.com" }, ...frappe });
  return { trigger };
}

/** A form of Frappe's. @param {Record<string, any>} [doc] */
export function stubForm(doc = { name: "SO-1" }, doctype = "Supply Order") {
  const wrapper = document.createElement("div");
  document.body.append(wrapper);
  return { doctype, docname: doc.name, doc, meta: {}, wrapper, layout_main: wrapper };
}

/**
 * What a Frappe web page has by itself, for the demo's /count page: `frappe.ready`,
 * `frappe.realtime`, and a `Vue` that takes the options of Vue 2, so that an article's page runs
 * as it was written.
 */
import { createRealtime } from "./realtime.js";
import { createVue } from "./vue2.js";

const page = /** @type {any} */ (window);
const frappe = (page.frappe ??= {});

/** @type {(() => void)[]} */
const waiting = [];
let ready = document.readyState !== "loading";

/** Runs a callback when the page is there. @param {() => void} callback */
frappe.ready = (callback) => {
  if (ready) callback();
  else waiting.push(callback);
};
document.addEventListener("DOMContentLoaded", () => {
  ready = true;
  for (const callback of waiting.splice(0)) {
    // One that throws must not keep the others from running.
    try {
      callback();
    } catch (error) {
      reportError(error);
    }
  }
});

frappe.realtime = createRealtime();
// At once, not in frappe.ready: a page may listen before it is ready, and connects when it does.
frappe.realtime.init(frappe.boot?.socketio_port, true);
page.Vue = createVue();

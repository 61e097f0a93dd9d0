/**
 * What a Frappe web page has by itself, for the demo's pages: `frappe.ready`, whose callbacks run in
 * one bare loop, and `frappe.realtime`, which is there only after them.
 */
import { createRealtime } from "./realtime.js";

const { frappe } = /** @type {any} */ (window);

frappe.realtime = createRealtime();
frappe.trigger_ready = () => {
  frappe.ready_events.forEach((/** @type {() => void} */ callback) => callback());
};
document.addEventListener("DOMContentLoaded", () => frappe.trigger_ready());
frappe.ready(() => frappe.realtime.init(/** @type {any} */ (window).socketio_port, true));

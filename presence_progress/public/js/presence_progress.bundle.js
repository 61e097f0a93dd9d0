/**
 * What a page loads: `<live-count>`, `<task-progress>`, `<task-tray>`, `<doc-viewers>`,
 * `<online-users>`.
 */
import { registerElements } from "./elements.js";

// On a Frappe web page the stock init runs in frappe.ready, after the page's own scripts, and not at
// all when one of them throws. Ours comes first; it is lazy, so a page without listeners opens no
// socket, and Frappe's own init returns when it finds one.
const { frappe, socketio_port: port } = /** @type {any} */ (window);
if (typeof frappe?.ready === "function") frappe.realtime?.init?.(port, true);

registerElements();

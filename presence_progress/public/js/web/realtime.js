/**
 * What a web page of Frappe's does with its connection, done right: made before the page's own
 * scripts want it, kept for ever, and in its rooms again after each reconnect.
 */
import { keepTrying } from "../client/keepTrying.js";

/**
 * Frappe makes its connection in frappe.ready, after the callbacks of the page's own scripts, which
 * then listen to nothing, and not at all when one of them throws. Ours comes first. It is lazy: a
 * page on which nobody listens opens no socket. Frappe's own call returns when it finds one.
 */
export function prepareRealtime() {
  const { frappe, socketio_port: port } = /** @type {any} */ (window);
  // Desk has no frappe.ready, and a start of its own.
  if (typeof frappe?.ready !== "function" || typeof frappe.realtime?.init !== "function") return;
  frappe.realtime.init(port, true);
  const { socket } = frappe.realtime;
  if (!socket) return;
  keepTrying(socket);
  keepRooms(socket);
}

/** What opens each kind of subscription, by what closes it. */
const CLOSES = /** @type {Record<string, string>} */ ({
  doc_close: "doc_open",
  doc_unsubscribe: "doc_subscribe",
  doctype_unsubscribe: "doctype_subscribe",
  progress_unsubscribe: "progress_subscribe",
  task_unsubscribe: "task_subscribe",
});
const OPENS = new Set(Object.values(CLOSES));

/**
 * Subscribes again to what the page's scripts have subscribed to by `frappe.realtime`: a server
 * remembers nothing of a lost socket.
 *
 * @param {any} socket
 */
export function keepRooms(socket) {
  /** What is wanted, and whether this connection's server was told. @type {Map<string, boolean>} */
  const wanted = new Map();

  // Hears what is really sent, when it is: what was said offline goes out before "connect" is told.
  socket.onAnyOutgoing?.((/** @type {string} */ event, /** @type {any[]} */ ...args) => {
    if (OPENS.has(event)) wanted.set(JSON.stringify([event, ...args]), true);
    else if (CLOSES[event]) wanted.delete(JSON.stringify([CLOSES[event], ...args]));
  });
  socket.on("disconnect", () => {
    for (const packet of wanted.keys()) wanted.set(packet, false);
  });
  socket.on("connect", () => {
    for (const [packet, told] of [...wanted]) if (!told) socket.emit(...JSON.parse(packet));
  });
}

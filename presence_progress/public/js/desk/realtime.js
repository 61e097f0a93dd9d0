/**
 * The page's client in Desk: on Frappe's own connection, which it keeps alive, and whose rooms it
 * asks for again after a loss. Frappe's own client asks for none of them.
 */
import { getClient } from "../client/index.js";
import { currentUser } from "../client/user.js";
import { desk } from "./page.js";
import { watchServer } from "./server.js";

/** Desk remembers each document that it has ever had open. */
const MAX_DOCUMENTS = 50;

/**
 * @typedef {object} DeskClient
 * @property {import("../client/index.js").Client} client
 * @property {import("vue").ShallowRef<import("./server.js").ServerKind>} server
 */

/** @type {DeskClient | undefined} */
let shared;

/** The first call opens the connection; Desk has opened it by the time it is ready. */
export function deskClient() {
  if (!shared) {
    const client = getClient();
    shared = { client, server: watchServer(client, `tasks:${currentUser()}`) };
    rejoinAfterLoss(client.connection);
  }
  return shared;
}

/** Tests do. */
export function forgetDeskClient() {
  shared = undefined;
}

/** @param {import("../client/connection.js").Connection} connection */
function rejoinAfterLoss(connection) {
  let connects = 0;
  connection.onConnect(() => {
    connects += 1;
    // The first one is Frappe's own business.
    if (connects > 1) for (const packet of stockRooms()) connection.emit(...packet);
  });
}

/**
 * What Frappe's client would have to say again, by what it remembers.
 *
 * @returns {[string, ...any[]][]}
 */
export function stockRooms() {
  const { realtime } = desk();
  const { cur_frm: form, cur_list: list } = /** @type {any} */ (window);
  const documents = [...(realtime?.open_docs ?? [])].slice(-MAX_DOCUMENTS);
  const open = form?.doc && !form.doc.__islocal ? [form.doctype, form.docname] : null;
  return [
    ...documents.map(documentPacket),
    ...Object.keys(realtime?.open_tasks ?? {}).map(taskPacket),
    ...(list?.doctype ? [doctypePacket(list.doctype)] : []),
    ...(open ? [/** @type {[string, ...any[]]} */ (["doc_open", ...open])] : []),
  ];
}

/** @param {string} key @returns {[string, ...any[]]} */
function documentPacket(key) {
  const [doctype, ...name] = key.split(":");
  return ["doc_subscribe", doctype, name.join(":")];
}

/** @param {string} task @returns {[string, ...any[]]} */
const taskPacket = (task) => ["task_subscribe", task];

/** @param {string} doctype @returns {[string, ...any[]]} */
const doctypePacket = (doctype) => ["doctype_subscribe", doctype];

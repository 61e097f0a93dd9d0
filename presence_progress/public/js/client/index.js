/**
 * The page's one client: its connection, the rooms and lists it watches, the documents it has open.
 */
import { createConnection, openSocket } from "./connection.js";
import { createInvisible } from "./invisible.js";
import { clientParts } from "./parts.js";
import { createRooms } from "./rooms.js";
import { watchWake } from "./wake.js";

/**
 * @typedef {object} Client
 * @property {import("./connection.js").Connection} connection
 * @property {ReturnType<typeof createRooms>} rooms
 * @property {ReturnType<typeof createInvisible>} invisible
 * @property {(listener: () => void) => void} onSlept the page had been frozen, and may be forgotten
 * @property {ReturnType<typeof import("./presence.js").createPresence>} presence with presence.js
 * @property {ReturnType<typeof import("./presenceList.js").createPresenceLists>} presenceList with
 *   presenceList.js
 */

// On the window, not in this module: two bundles on one page still share one connection.
const SHARED = Symbol.for("presence_progress.client");

/** @param {import("./connection.js").Connection} connection @returns {Client} */
export function createClient(connection) {
  /** @type {Set<() => void>} */
  const sleptListeners = new Set();
  watchWake(({ slept }) => {
    connection.check();
    if (slept) sleptListeners.forEach((listener) => listener());
  });
  return Object.assign(Object.create(clientParts()), {
    connection,
    rooms: createRooms(connection),
    invisible: createInvisible(connection),
    onSlept: (/** @type {() => void} */ listener) => void sleptListeners.add(listener),
  });
}

/**
 * The page's client; the first call opens its connection.
 *
 * @param {{ url?: string }} [options] of the first call; later ones get the same client
 * @returns {Client}
 */
export function getClient(options) {
  const page = /** @type {any} */ (window);
  page[SHARED] ??= createClient(createConnection(openSocket(options)));
  return page[SHARED];
}

/** Shares a given client with the whole page; tests do. @param {Client | undefined} client */
export function shareClient(client) {
  /** @type {any} */ (window)[SHARED] = client;
}

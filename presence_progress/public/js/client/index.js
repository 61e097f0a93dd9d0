/**
 * The page's one client: its connection, the rooms and lists it watches, the documents it has open.
 */
import { createConnection, openSocket } from "./connection.js";
import { createInvisible } from "./invisible.js";
import { createPresence } from "./presence.js";
import { createPresenceLists } from "./presenceList.js";
import { createRooms } from "./rooms.js";
import { watchWake } from "./wake.js";

/**
 * @typedef {object} Client
 * @property {import("./connection.js").Connection} connection
 * @property {ReturnType<typeof createRooms>} rooms
 * @property {ReturnType<typeof createPresence>} presence
 * @property {ReturnType<typeof createPresenceLists>} presenceList
 * @property {ReturnType<typeof createInvisible>} invisible
 */

// On the window, not in this module: two bundles on one page still share one connection.
const SHARED = Symbol.for("presence_progress.client");

/** @param {import("./connection.js").Connection} connection @returns {Client} */
export function createClient(connection) {
  const rooms = createRooms(connection);
  const presence = createPresence(connection);
  watchWake(({ slept }) => {
    connection.check();
    if (slept) presence.announce();
  });
  return {
    connection,
    rooms,
    presence,
    presenceList: createPresenceLists(connection, rooms),
    invisible: createInvisible(connection),
  };
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

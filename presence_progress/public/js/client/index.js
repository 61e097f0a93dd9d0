/**
 * The page's one client: its connection, the rooms it watches, the documents it has open.
 */
import { createConnection, openSocket } from "./connection.js";
import { createPresence } from "./presence.js";
import { createRooms } from "./rooms.js";

/**
 * @typedef {object} Client
 * @property {import("./connection.js").Connection} connection
 * @property {ReturnType<typeof createRooms>} rooms
 * @property {ReturnType<typeof createPresence>} presence
 */

// On the window, not in this module: two bundles on one page still share one connection.
const SHARED = Symbol.for("presence_progress.client");

/** @param {import("./connection.js").Connection} connection @returns {Client} */
export function createClient(connection) {
  return { connection, rooms: createRooms(connection), presence: createPresence(connection) };
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

/**
 * What `import { io } from "socket.io-client"` means in our bundles (see ../tsconfig.json): on a page
 * of Frappe's the page's own socket is used, and another page has brought one (provideSocket.js).
 */

/** @param {...any} args @returns {any} null where there is none: a connection that never comes up */
export function io(...args) {
  const open = /** @type {any} */ (window)[Symbol.for("presence_progress.io")];
  return open ? open(...args) : null;
}

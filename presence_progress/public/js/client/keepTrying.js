/**
 * Makes a socket.io socket try for ever, and again where socket.io itself stops: when the server
 * refuses a connection, or ends one.
 */
import { createBackoff } from "./backoff.js";

const RETRY_FIRST_MS = 500;
const RETRY_LIMIT_MS = 5_000;

// On the socket, not in this module: two bundles on one page have two of it.
const KEPT = Symbol.for("presence_progress.kept");

/** @param {any} socket */
export function keepTrying(socket) {
  if (socket[KEPT]) return;
  socket[KEPT] = true;
  const backoff = createBackoff({ first: RETRY_FIRST_MS, limit: RETRY_LIMIT_MS });
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;

  const manager = socket.io;
  manager?.reconnectionAttempts?.(Infinity);
  manager?.reconnectionDelay?.(RETRY_FIRST_MS);
  manager?.reconnectionDelayMax?.(RETRY_LIMIT_MS);

  function retryIfGivenUp() {
    // `active` says that socket.io itself will try again.
    if (socket.active) return;
    clearTimeout(timer);
    timer = setTimeout(() => socket.connect(), backoff.next());
  }

  socket.on("connect", () => backoff.reset());
  socket.on("connect_error", retryIfGivenUp);
  socket.on("disconnect", (/** @type {string} */ reason) => {
    // Somebody on this page hung up on purpose.
    if (reason !== "io client disconnect") retryIfGivenUp();
  });
}

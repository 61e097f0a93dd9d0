/**
 * Whether this user is invisible to others: a setting that the site keeps, for all their pages.
 */

/** @param {import("./connection.js").Connection} connection */
export function createInvisible(connection) {
  /** @type {Set<(value: boolean) => void>} */
  const listeners = new Set();
  // Until the server says otherwise.
  let value = false;

  connection.on("presence_settings", (message) => {
    if (typeof message?.invisible !== "boolean") return;
    value = message.invisible;
    listeners.forEach((listener) => listener(value));
  });

  return {
    get value() {
      return value;
    },
    /**
     * Asks the site; what came of it is heard.
     *
     * @param {boolean} wanted
     * @returns {boolean} false when not connected: nothing was asked
     */
    ask: (wanted) => connection.emit("presence_invisible", wanted),
    /** @param {(value: boolean) => void} listener @returns {() => void} */
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

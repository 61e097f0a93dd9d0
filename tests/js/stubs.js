/** Stand-ins made by hand: a socket with a server's side to it, and a client on top. */
import { createClient, shareClient } from "../../presence_progress/public/js/client/index.js";
import { createConnection } from "../../presence_progress/public/js/client/connection.js";
import "../../presence_progress/public/js/client/presence.js";
import "../../presence_progress/public/js/client/presenceList.js";

/** A socket.io socket, as far as we use one. `sent` is what the server got. */
export function stubSocket({ connected = false } = {}) {
  /** @type {Map<string, Set<Function>>} */
  const listeners = new Map();
  const settings = /** @type {Record<string, any>} */ ({});

  const socket = {
    connected,
    active: true,
    nsp: "/site",
    connects: 0,
    /** @type {any[][]} */
    sent: [],
    settings,
    io: {
      engine: /** @type {any} */ ({ transport: { name: "websocket" } }),
      reconnectionAttempts: (/** @type {number} */ value) => (settings.attempts = value),
      reconnectionDelay: (/** @type {number} */ value) => (settings.delay = value),
      reconnectionDelayMax: (/** @type {number} */ value) => (settings.delayMax = value),
    },
    /** @param {string} event @param {Function} listener */
    on(event, listener) {
      if (!listeners.has(event)) listeners.set(event, new Set());
      listeners.get(event)?.add(listener);
    },
    /** @param {string} event @param {Function} listener */
    off(event, listener) {
      listeners.get(event)?.delete(listener);
    },
    /** @param {...any} packet */
    emit(...packet) {
      socket.sent.push(packet);
    },
    connect() {
      socket.connects += 1;
    },
    disconnect() {},

    // The other side.

    /** @param {string} event @param {...any} args */
    receive(event, ...args) {
      listeners.get(event)?.forEach((listener) => listener(...args));
    },
    goOnline() {
      socket.connected = socket.active = true;
      socket.receive("connect");
    },
    goOffline(reason = "transport close", { active = true } = {}) {
      socket.connected = false;
      socket.active = active;
      socket.receive("disconnect", reason);
    },
    /** What was sent under a name, and forget it. @param {string} event */
    take(event) {
      const found = socket.sent.filter(([name]) => name === event).map(([, ...args]) => args);
      socket.sent = socket.sent.filter(([name]) => name !== event);
      return found.map((args) => (args.length > 1 ? args : args[0]));
    },
    /** @param {string} event */
    listenerCount: (event) => listeners.get(event)?.size ?? 0,
  };
  return socket;
}

/** Makes the page's client one over a stub that is connected. */
export function stubClient({ connected = true } = {}) {
  const socket = stubSocket({ connected });
  const client = createClient(createConnection(socket));
  shareClient(client);

  return {
    socket,
    client,
    /** @param {string} room @param {Record<string, any>} state @param {number} [seq] */
    state: (room, state, seq = 1, epoch = "e1") =>
      socket.receive("room_state", { room, epoch, seq, state }),
    /** @param {string} room @param {number} seq @param {Record<string, any>} set */
    change: (room, seq, set, unset = /** @type {string[]} */ ([]), epoch = "e1") =>
      socket.receive("room_change", { room, epoch, seq, set, unset }),
    /** @param {string} room @param {string} reason */
    deny: (room, reason) => socket.receive("room_denied", { room, reason }),
  };
}

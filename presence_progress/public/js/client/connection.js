/**
 * The page's one connection to the realtime server, kept for as long as the page lives.
 *
 * On a Frappe page it is Frappe's own socket, listened to on our own event names: stock code calls
 * `frappe.realtime.off(event)`, which takes away whichever listener of that event came first.
 * Elsewhere it opens one. Either way it never gives up, which stock pages do after three attempts,
 * and at once when a connection is refused or ended by the server.
 */
import { io } from "socket.io-client";
import { keepTrying } from "./keepTrying.js";

/** @typedef {"connecting" | "connected" | "reconnecting"} ConnectionState */
/** @typedef {(...args: any[]) => void} Listener */

/**
 * @typedef {object} Connection
 * @property {ConnectionState} state
 * @property {(event: string, listener: Listener) => () => void} on returns what stops it
 * @property {(event: string, ...args: any[]) => boolean} emit false if not connected: nothing is
 *   kept for later, whoever speaks says it again on connect
 * @property {(event: string, ...args: any[]) => boolean} farewell emits while the page goes away
 * @property {() => void} check finds out at once whether the connection is alive, and mends it
 * @property {(listener: () => void) => () => void} onConnect also for the connection that is up
 * @property {(listener: (state: ConnectionState) => void) => () => void} onState
 */

/** How long a living server takes to answer at most. */
const ANSWER_MS = 4_000;

/**
 * Wraps a socket.io socket, Frappe's or ours. Without one (a site with `disable_async`) it is a
 * connection that never comes up.
 *
 * @param {any} socket
 * @returns {Connection}
 */
export function createConnection(socket) {
  /** @type {Set<() => void>} */
  const connectListeners = new Set();
  /** @type {Set<(state: ConnectionState) => void>} */
  const stateListeners = new Set();
  /** @type {ConnectionState} */
  let state = socket?.connected ? "connected" : "connecting";

  /** @param {ConnectionState} next */
  function enter(next) {
    if (next === state) return;
    state = next;
    stateListeners.forEach((listener) => listener(next));
  }

  const check = socket ? createCheck(socket) : () => {};

  if (socket) {
    keepTrying(socket);
    socket.on("connect", () => {
      enter("connected");
      connectListeners.forEach((listener) => listener());
    });
    socket.on("connect_error", () => enter("reconnecting"));
    socket.on("disconnect", () => enter("reconnecting"));
  }

  return {
    get state() {
      return state;
    },
    on(event, listener) {
      socket?.on(event, listener);
      return () => socket?.off(event, listener);
    },
    emit(event, ...args) {
      if (!socket?.connected) return false;
      socket.emit(event, ...args);
      return true;
    },
    farewell(event, ...args) {
      if (!socket?.connected) return false;
      socket.emit(event, ...args);
      sendBeacon(socket, [event, ...args]);
      return true;
    },
    check() {
      // The first connection is under way.
      if (state !== "connecting") check();
    },
    onConnect(listener) {
      connectListeners.add(listener);
      if (state === "connected") listener();
      return () => connectListeners.delete(listener);
    },
    onState(listener) {
      stateListeners.add(listener);
      return () => stateListeners.delete(listener);
    },
  };
}

/**
 * Makes a function that finds out whether a socket is alive, for a page that may have slept through
 * its end: a dead one is given up, and one that waits for its next try, tries now.
 *
 * @param {any} socket
 */
function createCheck(socket) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;

  function done() {
    clearTimeout(timer);
    timer = undefined;
    socket.off("pong", done);
    socket.off("disconnect", done);
  }

  return function check() {
    if (timer !== undefined) return;
    const wasConnected = socket.connected;
    timer = setTimeout(() => {
      done();
      // Not `disconnect`, which would be leaving on purpose: the engine is lost, and comes back.
      if (wasConnected) socket.io?.engine?.close?.();
    }, ANSWER_MS);
    if (wasConnected) {
      socket.on("pong", done);
      socket.on("disconnect", done);
      // Frappe's own event, which its stock server answers, too.
      socket.emit("ping");
    } else {
      // `connect` alone does not shorten a wait that socket.io is in.
      socket.disconnect();
      socket.connect();
    }
  };
}

/**
 * Says a last word for a socket on HTTP polling, whose requests die with the page.
 *
 * @param {any} socket
 * @param {any[]} packet
 */
function sendBeacon(socket, packet) {
  const engine = socket.io?.engine;
  if (engine?.transport?.name !== "polling" || !navigator.sendBeacon) return;
  // Engine.IO "message" (4) with a Socket.IO "event" (2) for the namespace.
  navigator.sendBeacon(engine.transport.uri(), `42${socket.nsp},${JSON.stringify(packet)}`);
}

/**
 * Finds the page's socket: Frappe's own, or a new one.
 *
 * @param {{ url?: string }} [options] `url` with the namespace, for pages outside Frappe
 */
export function openSocket({ url } = {}) {
  const { frappe, socketio_port: port } = /** @type {any} */ (window);
  if (!url && typeof frappe?.realtime?.init === "function") {
    // A web page's own init runs late, in frappe.ready, and not at all if an earlier callback
    // throws. It returns at once when a socket exists, so ours may come first.
    if (!frappe.realtime.socket) frappe.realtime.init(port, true);
    const { socket } = frappe.realtime;
    if (socket && !socket.connected && !socket.active) socket.connect();
    return socket ?? null;
  }
  return io(url ?? defaultUrl(frappe?.boot), { withCredentials: true });
}

/** @param {{ sitename?: string, socketio_port?: number | string } | undefined} boot */
function defaultUrl(boot) {
  const { protocol, hostname, origin } = window.location;
  const port = boot?.socketio_port;
  const server = port ? `${protocol}//${hostname}:${port}` : origin;
  return `${server}/${boot?.sitename ?? hostname}`;
}

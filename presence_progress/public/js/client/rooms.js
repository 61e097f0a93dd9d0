/**
 * Which rooms this page watches, and what it knows of each.
 *
 * Many watchers of one room share one `room_watch`. What is known stays visible while the connection
 * is away, marked stale; every connect asks again for every room, because a server remembers nothing
 * of a lost socket. A room that a list watches (presenceList.js) comes with the list's one question;
 * it asks for itself when that is not enough: after a gap, or when it outlives the list.
 */
import { createBackoff } from "./backoff.js";
import { asking, receiveChange, receiveState, stateOf } from "./room.js";
import { createStock } from "./stock.js";

/**
 * What a watcher is shown.
 *
 * @typedef {object} RoomView
 * @property {string} room
 * @property {import("./room.js").State} state
 * @property {boolean} loaded a snapshot has arrived
 * @property {boolean} stale what is shown may be old: the connection is away, or the answer is
 * @property {string | null} denied why this user sees nothing, if so
 */

/**
 * How long an answer may take, at first. Longer and longer after that: a server that does not know
 * our rooms (Frappe's own) never answers.
 */
const PATIENCE = { first: 20_000, limit: 300_000 };

/** The reasons that end the watching itself. */
export const REFUSALS = new Set([
  "not permitted",
  "no such room",
  "presence is off",
  "bad filters",
]);

/** @param {import("./connection.js").Connection} connection */
export function createRooms(connection) {
  /** @type {Map<string, ReturnType<typeof createWatchedRoom>>} */
  const rooms = new Map();

  const stock = createStock(connection, { deliver });

  /** @param {any} message the payload of `room_state` or `room_denied` */
  function deliver(message) {
    const room = rooms.get(message?.room);
    if (message?.reason) room?.onDenied(message.reason);
    else room?.onState(message);
  }

  for (const event of ["room_state", "room_denied"]) {
    connection.on(event, (message) => {
      stock.heard();
      deliver(message);
    });
  }
  connection.on("room_change", (message) => rooms.get(message?.room)?.onChange(message));
  connection.onConnect(() => rooms.forEach((room) => room.reconnect()));
  connection.onState(() => rooms.forEach((room) => room.show()));

  return {
    /** Whether Frappe's own server serves this page, which knows no rooms: presence is not known. */
    stock,
    /** Takes a denial that was said of many rooms at once. @param {string} name @param {string} reason */
    deny: (name, reason) => rooms.get(name)?.onDenied(reason),
    /**
     * Shows a room to `callback`, at once if it is known already, and then at each change.
     *
     * @param {string} name
     * @param {(view: RoomView) => void} callback
     * @param {{ listed?: boolean }} [options] `listed` when a list asks the server for it
     * @returns {() => void} stops watching
     */
    watch(name, callback, { listed = false } = {}) {
      let room = rooms.get(name);
      if (!room) {
        room = createWatchedRoom(name, connection, stock);
        rooms.set(name, room);
      }
      const watched = room;
      const remove = watched.add(callback, listed);

      return () => {
        if (!remove()) return;
        rooms.delete(name);
        watched.forget();
      };
    },
  };
}

/**
 * One watched room: its question in flight, its retries, its watchers.
 *
 * @param {string} name
 * @param {import("./connection.js").Connection} connection
 * @param {ReturnType<typeof createStock>} stock
 */
function createWatchedRoom(name, connection, stock) {
  /** What each watcher is shown by, and whether a list asks for it. */
  const watchers = /** @type {Map<(view: RoomView) => void, boolean>} */ (new Map());
  const backoff = createBackoff({ first: 1000, limit: 30_000 });
  const patience = createBackoff(PATIENCE);
  /** @type {import("./room.js").Room} */
  let room = asking(null);
  /** @type {string | null} */
  let denied = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;

  /** `room_watch` was sent on this connection. */
  let asked = false;

  const isListed = () => [...watchers.values()].includes(true);
  const isListedOnly = () => ![...watchers.values()].includes(false);

  function ask() {
    clearTimeout(timer);
    room = asking(room.snapshot);
    // Not connected: the next connect asks. (socket.io would keep the question and send it twice.)
    if (!connection.emit("room_watch", name)) return;
    asked = true;
    stock.asked(name);
    timer = setTimeout(ask, patience.next());
  }

  /** Waits for what the list asks for. A row that may be seen no more is not answered. */
  function waitForList() {
    clearTimeout(timer);
    room = asking(room.snapshot);
    if (room.snapshot) timer = setTimeout(ask, patience.next());
  }

  /** @returns {RoomView} */
  function view() {
    const known = denied === null;
    return {
      room: name,
      state: stateOf(room),
      loaded: room.snapshot !== null,
      stale: known && (connection.state !== "connected" || room.held !== null),
      denied,
    };
  }

  function show() {
    const current = view();
    for (const watcher of [...watchers.keys()]) watcher(current);
  }

  /** @param {{ room: import("./room.js").Room, resync: boolean }} step */
  function take(step) {
    const changed = step.room.snapshot !== room.snapshot;
    room = step.room;
    if (step.resync) ask();
    if (changed || step.resync) show();
  }

  return {
    show,
    /**
     * @param {(view: RoomView) => void} callback
     * @param {boolean} listed
     * @returns {() => boolean} takes it away again; true if it was the last one
     */
    add(callback, listed) {
      // A watcher of its own, even if the same function watches twice.
      const watcher = (/** @type {RoomView} */ now) => callback(now);
      watchers.set(watcher, listed);
      // What a list has brought already needs no question of its own.
      if (!listed && !asked && !(isListed() && room.snapshot)) ask();
      watcher(view());

      return () => {
        if (!watchers.delete(watcher)) return false;
        if (watchers.size && !asked && !isListed()) ask();
        return watchers.size === 0;
      };
    },
    /** A new connection knows nothing of this room. */
    reconnect() {
      asked = false;
      if (isListed() && (room.snapshot || isListedOnly())) waitForList();
      else ask();
    },
    /** @param {import("./room.js").Snapshot} snapshot */
    onState(snapshot) {
      clearTimeout(timer);
      backoff.reset();
      patience.reset();
      denied = null;
      take(receiveState(room, snapshot));
    },
    /** @param {import("./room.js").Change} change */
    onChange(change) {
      take(receiveChange(room, change));
    },
    /** @param {string} reason */
    onDenied(reason) {
      if (reason === "try again") {
        clearTimeout(timer);
        timer = setTimeout(ask, backoff.next());
        return;
      }
      // Other reasons are about something else that was asked of the room, such as a cancel, or
      // about a limit, which the next question may find out of the way.
      if (!REFUSALS.has(reason)) return;
      clearTimeout(timer);
      // The right may have been lost in the middle: nothing of the room stays on screen.
      room = asking(null);
      denied = reason;
      show();
    },
    forget() {
      clearTimeout(timer);
      stock.forget(name);
      if (asked) connection.emit("room_unwatch", name);
    },
  };
}

/**
 * Who is in which row of a list: one question for all rows of a DocType that are on screen.
 *
 * Several lists of one DocType on a page are one for the server, since each `presence_list` replaces
 * the one before. The rooms themselves are those of rooms.js, shared with whoever watches one alone.
 */
import { createBackoff } from "./backoff.js";
import { addClientPart } from "./parts.js";
import { REFUSALS } from "./rooms.js";

/** A list that is drawn again, or scrolled, settles first. */
const SETTLE_MS = 100;
/** As many as the server takes. */
const MAX_NAMES = 500;

/**
 * What one list is told: the state of a row's room, or null when the row is shown no more.
 *
 * @typedef {(name: string, state: import("./room.js").State | null) => void} RowListener
 */
/** @typedef {{ show: (names: Iterable<string>) => void, stop: () => void }} PresenceList */

addClientPart("presenceList", ({ connection, rooms }) => createPresenceLists(connection, rooms));

/**
 * @param {import("./connection.js").Connection} connection
 * @param {ReturnType<typeof import("./rooms.js").createRooms>} rooms
 */
export function createPresenceLists(connection, rooms) {
  /** @type {Map<string, ReturnType<typeof createDoctypeList>>} */
  const lists = new Map();

  connection.onConnect(() => lists.forEach((list) => list.say()));
  connection.on("room_denied", (message) => {
    // About a list as a whole: its DocType stands in the place of a room's name.
    const [kind, doctype] = String(message?.room).split(/:(.*)/s);
    if (kind === "presence") lists.get(doctype)?.onDenied(message.reason);
  });

  /**
   * Shows who is in which document of a DocType.
   *
   * @param {string} doctype
   * @param {RowListener} listener
   * @returns {PresenceList} `show` takes all names that are on screen
   */
  return function presenceList(doctype, listener) {
    let list = lists.get(doctype);
    if (!list) lists.set(doctype, (list = createDoctypeList(connection, rooms, doctype)));
    return list.open(listener);
  };
}

/**
 * The lists of one DocType on this page, as the one that the server knows.
 *
 * @param {import("./connection.js").Connection} connection
 * @param {ReturnType<typeof import("./rooms.js").createRooms>} rooms
 * @param {string} doctype
 */
function createDoctypeList(connection, rooms, doctype) {
  /** @type {Set<{ wanted: Set<string>, watchOnly: (names: Set<string>) => void }>} */
  const holders = new Set();
  const backoff = createBackoff({ first: 1000, limit: 30_000 });
  /** What the server was told, or will be on connect. @type {Set<string>} */
  let named = new Set();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let retry;

  function send() {
    clearTimeout(retry);
    connection.emit("presence_list", { doctype, names: [...named] });
  }

  function settle() {
    const all = [...holders].flatMap(({ wanted }) => [...wanted]);
    const now = new Set([...new Set(all)].slice(0, MAX_NAMES));
    const same = now.size === named.size && [...now].every((name) => named.has(name));
    named = now;
    // Rooms first: one that somebody else goes on watching asks for itself before the list lets go.
    holders.forEach((holder) => holder.watchOnly(named));
    if (!same) send();
  }

  function settleSoon() {
    clearTimeout(timer);
    timer = setTimeout(settle, SETTLE_MS);
  }

  return {
    say() {
      if (named.size) send();
    },
    /** @param {string} reason */
    onDenied(reason) {
      if (reason === "try again") {
        clearTimeout(retry);
        retry = setTimeout(send, backoff.next());
      } else if (REFUSALS.has(reason)) {
        for (const name of named) rooms.deny(`presence:${doctype}/${name}`, reason);
      }
    },
    /** @param {RowListener} listener @returns {PresenceList} */
    open(listener) {
      /** @type {Map<string, () => void>} */
      const watched = new Map();
      const holder = {
        /** @type {Set<string>} */
        wanted: new Set(),
        /** @param {Set<string>} names */
        watchOnly(names) {
          for (const [name, stop] of watched) {
            if (holder.wanted.has(name) && names.has(name)) continue;
            stop();
            watched.delete(name);
            listener(name, null);
          }
          for (const name of holder.wanted) {
            if (watched.has(name) || !names.has(name)) continue;
            watched.set(name, watchRow(name, listener));
          }
        },
      };
      holders.add(holder);

      return {
        show(names) {
          holder.wanted = new Set(names);
          settleSoon();
        },
        stop() {
          if (!holders.delete(holder)) return;
          holder.wanted = new Set();
          holder.watchOnly(holder.wanted);
          settleSoon();
        },
      };
    },
  };

  /** @param {string} name @param {RowListener} listener */
  function watchRow(name, listener) {
    /** @type {import("./room.js").State | undefined} */
    let shown;
    return rooms.watch(
      `presence:${doctype}/${name}`,
      ({ state }) => {
        if (state !== shown) listener(name, (shown = state));
      },
      { listed: true },
    );
  }
}

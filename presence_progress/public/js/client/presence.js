/**
 * The documents that this page has open, told to the server.
 *
 * A socket is one session. Entering is said on every connect, since a new socket is a new session.
 * A page that is closed says goodbye, so that others see it at once; a page that is reloaded says
 * nothing: the server keeps a lost session for a few seconds, in which the new page enters.
 */
import { createBackoff } from "./backoff.js";
import { addClientPart } from "./parts.js";

/** @typedef {"viewing" | "editing" | "idle"} Activity */
/** @typedef {{ activity: Activity, focus: string | null }} Doing */
/**
 * One holder of an entry; a page may have several of one document.
 *
 * @typedef {object} Visit
 * @property {(doing: Partial<Doing>) => void} update
 * @property {() => void} renew says the same once more: what the server is told of holds for a while
 * @property {() => void} leave
 */

/** Strongest first. */
export const ACTIVITIES = /** @type {const} */ (["editing", "viewing", "idle"]);

/** The reasons that end being here, until the next connect. */
const REFUSALS = new Set(["may not enter", "not permitted", "presence is off"]);

/** How long an F5 counts as the cause of the page going away. */
const RELOAD_KEY_MS = 3_000;

addClientPart("presence", ({ connection, onSlept }) => {
  const presence = createPresence(connection);
  onSlept(presence.announce);
  return presence;
});

/**
 * @param {import("./connection.js").Connection} connection
 * @param {Window} [page]
 */
export function createPresence(connection, page = window) {
  /** @type {Map<string, ReturnType<typeof createEntry>>} */
  const entries = new Map();
  const reload = watchReload(page);
  // A page on its way out still hears of lost focus and of being hidden. Said after the goodbye,
  // that would enter again.
  let leaving = false;

  connection.onConnect(() => entries.forEach((entry) => entry.enter()));
  connection.on("room_denied", (message) => entries.get(message?.room)?.onDenied(message.reason));

  page.addEventListener("pageswap", () => (leaving = true));
  page.addEventListener("pagehide", () => {
    leaving = true;
    if (!reload.expected()) entries.forEach((entry) => entry.goodbye());
  });
  // Also back from the back/forward cache, where the page had said goodbye: wake.js tells of that.
  page.addEventListener("pageshow", () => {
    leaving = false;
    reload.forget();
  });

  return {
    /** Says it all once more, for a server that may have missed this page. */
    announce: () => entries.forEach((entry) => entry.enter()),
    /**
     * Makes this user a viewer of a document until `leave`.
     *
     * @param {string} doctype
     * @param {string} name
     * @param {Partial<Doing>} [doing]
     * @returns {Visit}
     */
    enter(doctype, name, doing) {
      const room = `presence:${doctype}/${name}`;
      let entry = entries.get(room);
      if (!entry) {
        entry = createEntry(connection, doctype, name, () => leaving);
        entries.set(room, entry);
      }
      const entered = entry;
      const holder = entered.hold(doing);

      return {
        update: holder.update,
        renew: entered.renew,
        leave() {
          holder.release();
          if (entered.isHeld() || entries.get(room) !== entered) return;
          entries.delete(room);
          entered.leave();
        },
      };
    },
  };
}

/**
 * One document of this page: who on the page holds it, and what is said of it.
 *
 * @param {import("./connection.js").Connection} connection
 * @param {string} doctype
 * @param {string} name
 * @param {() => boolean} isLeaving whether the page is on its way out
 */
function createEntry(connection, doctype, name, isLeaving) {
  /** @type {Set<Doing>} */
  const holders = new Set();
  const backoff = createBackoff({ first: 1000, limit: 30_000 });
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  let said = "";
  let refused = false;

  /** @param {"presence_enter" | "presence_update"} event @param {{ again?: boolean }} [options] */
  function say(event, { again = false } = {}) {
    if (isLeaving()) return;
    const doing = strongest([...holders]);
    const text = JSON.stringify(doing);
    if (event === "presence_enter") refused = false;
    else if (refused || (text === said && !again)) return;
    if (connection.emit(event, { doctype, name, ...doing })) said = text;
  }

  return {
    /** @param {Partial<Doing>} [doing] */
    hold(doing) {
      /** @type {Doing} */
      const holder = { activity: "viewing", focus: null, ...doing };
      holders.add(holder);
      say(holders.size === 1 ? "presence_enter" : "presence_update");
      return {
        /** @param {Partial<Doing>} change */
        update(change) {
          Object.assign(holder, change);
          if (holders.has(holder)) say("presence_update");
        },
        release() {
          holders.delete(holder);
          if (holders.size) say("presence_update");
        },
      };
    },
    isHeld: () => holders.size > 0,
    renew: () => say("presence_update", { again: true }),
    enter() {
      clearTimeout(timer);
      say("presence_enter");
    },
    /** @param {string} reason */
    onDenied(reason) {
      // Whoever may not be here does not go on saying what they do.
      if (REFUSALS.has(reason)) refused = true;
      if (reason !== "try again") return;
      clearTimeout(timer);
      timer = setTimeout(() => say("presence_enter"), backoff.next());
    },
    goodbye: () => connection.farewell("presence_leave", { doctype, name }),
    leave() {
      clearTimeout(timer);
      connection.emit("presence_leave", { doctype, name });
    },
  };
}

/**
 * What several holders do, as one: the strongest activity, and the first focus named with it.
 *
 * @param {Doing[]} doings at least one
 * @returns {Doing}
 */
function strongest(doings) {
  const activity = ACTIVITIES.find((one) => doings.some((doing) => doing.activity === one));
  const focus = doings.find((doing) => doing.activity === activity && doing.focus)?.focus;
  return { activity: activity ?? "viewing", focus: focus ?? null };
}

/**
 * Tells a reload from a page that goes away.
 *
 * `pageswap` says it for every kind of reload, the browser's own button included, and comes before
 * `pagehide`; a closing tab fires none. Browsers without it have the keys only.
 *
 * @param {Window} page
 */
function watchReload(page) {
  let swapped = false;
  let keyAt = -Infinity;

  page.addEventListener("pageswap", (/** @type {any} */ event) => {
    const { navigationType, entry } = event.activation ?? {};
    // The address entered once more is a `replace` of the page by itself.
    const again = navigationType === "replace" && entry?.url === page.location.href;
    swapped = navigationType === "reload" || again;
  });
  if (!("onpageswap" in page)) {
    /** @type {Window} */ (page).addEventListener("keydown", (event) => {
      const byLetter = (event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "r";
      if (event.key === "F5" || byLetter) keyAt = event.timeStamp;
    });
  }

  return {
    expected: () => swapped || page.performance.now() - keyAt < RELOAD_KEY_MS,
    forget() {
      swapped = false;
      keyAt = -Infinity;
    },
  };
}

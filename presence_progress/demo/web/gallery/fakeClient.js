/**
 * A client with no server: it answers what a component asks from what a specimen holds, so that
 * every state can be looked at, and its buttons pressed.
 */
import { createClient } from "../../../public/js/client/index.js";

/**
 * What a specimen has behind it.
 *
 * @typedef {object} Backing
 * @property {Record<string, Record<string, any>>} [rooms] by name
 * @property {Record<string, string>} [denied] why a room is not shown
 * @property {boolean} [offline] the connection goes away once all is loaded
 * @property {boolean} [silent] nothing is ever answered
 * @property {boolean} [invisible]
 * @property {{ messages: any[], traceback: string | null }} [details] of its task
 * @property {string[]} [refuses] what the server will not do: "task_cancel", "task_retry"
 */

const STEP_MS = 900;

/** @param {Backing} backing */
export function createFakeClient(backing) {
  const { rooms = {}, denied = {}, refuses = [] } = backing;
  /** @type {Map<string, Set<(...args: any[]) => void>>} */
  const listeners = new Map();
  /** @type {Set<(state: "connected" | "reconnecting") => void>} */
  const stateListeners = new Set();
  /** @type {Map<string, number>} */
  const seqs = new Map();
  let state = /** @type {"connected" | "reconnecting"} */ ("connected");

  /** @param {string} event @param {any} message */
  function tell(event, message) {
    listeners.get(event)?.forEach((listener) => listener(message));
  }

  /** @param {string} room @param {Record<string, any>} set */
  function change(room, set) {
    const seq = (seqs.get(room) ?? 1) + 1;
    seqs.set(room, seq);
    rooms[room] = { ...rooms[room], ...set };
    tell("room_change", { room, epoch: "gallery", seq, set, unset: [] });
  }

  /** @type {Record<string, (about: any) => void>} */
  const answers = {
    room_watch(room) {
      if (denied[room]) tell("room_denied", { room, reason: denied[room] });
      else {
        const seq = seqs.get(room) ?? 1;
        tell("room_state", { room, epoch: "gallery", seq, state: rooms[room] ?? {} });
      }
    },
    task_cancel(id) {
      if (refuses.includes("task_cancel"))
        tell("room_denied", { room: `task:${id}`, reason: "may not cancel" });
      else {
        const by = { cancelled_by: "ada@example.com", cancelled_at: Date.now() };
        change(`task:${id}`, { state: "cancelling", ...by });
        setTimeout(
          () => change(`task:${id}`, { state: "cancelled", ended_at: Date.now(), retryable: true }),
          STEP_MS,
        );
      }
    },
    task_retry(id) {
      if (refuses.includes("task_retry"))
        tell("room_denied", { room: `task:${id}`, reason: "may not retry" });
      else {
        const attempt = (rooms[`task:${id}`]?.attempt ?? 1) + 1;
        const clean = { done: 0, percent: 0, error: null, errors: 0, warnings: 0, messages: [] };
        change(`task:${id}`, { ...clean, state: "queued", attempt, ended_at: null });
      }
    },
    task_details(id) {
      const details = backing.details ?? { messages: [], traceback: null };
      tell("task_details", { task_id: id, ...details });
    },
    tasks_seen(at) {
      for (const room of Object.keys(rooms))
        if (room.startsWith("tasks:")) change(room, { seen_at: at });
    },
    presence_invisible: (invisible) => tell("presence_settings", { invisible }),
  };

  const connection = {
    get state() {
      return state;
    },
    on(/** @type {string} */ event, /** @type {(...args: any[]) => void} */ listener) {
      if (!listeners.has(event)) listeners.set(event, new Set());
      listeners.get(event)?.add(listener);
      return () => listeners.get(event)?.delete(listener);
    },
    emit(/** @type {string} */ event, /** @type {any[]} */ ...args) {
      if (state !== "connected") return false;
      // One that is silent is there all the same: the site is not asked in its place.
      if (backing.silent) setTimeout(() => tell("room_state", { room: "another", state: {} }));
      else setTimeout(() => answers[event]?.(args[0]));
      return true;
    },
    farewell: () => false,
    check() {},
    onConnect: (/** @type {() => void} */ listener) => {
      if (state === "connected") listener();
      return () => {};
    },
    onState(/** @type {(state: any) => void} */ listener) {
      stateListeners.add(listener);
      return () => stateListeners.delete(listener);
    },
  };

  const client = createClient(/** @type {any} */ (connection));
  if (backing.invisible) tell("presence_settings", { invisible: true });

  return {
    client,
    rooms,
    change,
    tell,
    /** What was asked first is still answered. */
    goOffline: () =>
      setTimeout(() => {
        state = "reconnecting";
        stateListeners.forEach((listener) => listener(state));
      }, STEP_MS / 3),
  };
}

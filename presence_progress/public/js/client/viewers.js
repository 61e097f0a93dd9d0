/**
 * A presence room's state, read: who is here, how many, and who was here a moment ago.
 *
 * Fields that begin with ":" are never viewers: `:count` is their exact number, which a large room
 * has more of than fields, and `:left:<user>` is somebody who left within the last two minutes.
 */
import { ACTIVITIES } from "./presence.js";

/**
 * @typedef {object} Viewer
 * @property {string} user
 * @property {string} name
 * @property {string | null} image
 * @property {import("./presence.js").Activity} activity
 * @property {string | null} focus
 * @property {number} since milliseconds since 1970
 */
/**
 * Somebody who left; never counted.
 *
 * @typedef {object} Left
 * @property {string} user
 * @property {string} name
 * @property {string | null} image
 * @property {number} last_seen milliseconds since 1970
 */
/** @typedef {{ viewers: Viewer[], count: number, left: Left[] }} Here */

const COUNT = ":count";
const LEFT = ":left:";

/**
 * Splits a state: those who edit first, then who came first; of those who left the last one first.
 *
 * @param {import("./room.js").State} state
 * @returns {Here} `count` is exact, `viewers` may be fewer
 */
export function readPresence(state) {
  /** @type {Viewer[]} */
  const viewers = [];
  /** @type {Left[]} */
  const left = [];
  for (const [field, value] of Object.entries(state)) {
    if (!field.startsWith(":")) viewers.push({ ...value, user: field });
    else if (field.startsWith(LEFT)) left.push({ ...value, user: field.slice(LEFT.length) });
  }
  const rank = (/** @type {Viewer} */ viewer) => ACTIVITIES.indexOf(viewer.activity);
  viewers.sort((a, b) => rank(a) - rank(b) || a.since - b.since || a.user.localeCompare(b.user));
  left.sort((a, b) => b.last_seen - a.last_seen || a.user.localeCompare(b.user));
  const told = state[COUNT];
  return { viewers, count: typeof told === "number" ? told : viewers.length, left };
}

/** Those who edit now. @param {Viewer[]} viewers */
export function editorsAmong(viewers) {
  return viewers.filter(({ activity }) => activity === "editing");
}

import { computed, onScopeDispose, shallowReactive, toValue, watch } from "vue";
import { getClient } from "../client/index.js";
import { ACTIVITIES } from "../client/presence.js";

/**
 * @typedef {object} Viewer
 * @property {string} user
 * @property {string} name
 * @property {string | null} image
 * @property {import("../client/presence.js").Activity} activity
 * @property {string | null} focus
 * @property {number} since
 */

/**
 * The viewers in a presence room's state: those who edit first, then who came first.
 *
 * @param {import("../client/room.js").State} state
 * @returns {Viewer[]}
 */
export function viewersIn(state) {
  const rank = (/** @type {Viewer} */ viewer) => ACTIVITIES.indexOf(viewer.activity);
  return Object.entries(state)
    .map(([user, viewer]) => ({ ...viewer, user }))
    .sort((a, b) => rank(a) - rank(b) || a.since - b.since || a.user.localeCompare(b.user));
}

/**
 * The viewers of many documents, such as the rows on screen.
 *
 * @example const { viewersOf } = useViewers("Airport", () => rows.value.map((row) => row.name));
 * @param {import("vue").MaybeRefOrGetter<string>} doctype
 * @param {import("vue").MaybeRefOrGetter<string[]>} names
 */
export function useViewers(doctype, names) {
  const { rooms } = getClient();
  /** @type {Map<string, Viewer[]>} */
  const viewers = shallowReactive(new Map());
  /** @type {Map<string, () => void>} */
  const watched = new Map();

  const wanted = computed(
    () => new Set(toValue(names).map((name) => `presence:${toValue(doctype)}/${name}`)),
  );

  watch(
    wanted,
    (now) => {
      for (const [room, stop] of watched) {
        if (now.has(room)) continue;
        stop();
        watched.delete(room);
        viewers.delete(room);
      }
      for (const room of now) {
        if (watched.has(room)) continue;
        watched.set(
          room,
          rooms.watch(room, ({ state }) => viewers.set(room, viewersIn(state))),
        );
      }
    },
    { immediate: true },
  );
  onScopeDispose(() => watched.forEach((stop) => stop()));

  return {
    /** @param {string} name @returns {Viewer[]} */
    viewersOf: (name) => viewers.get(`presence:${toValue(doctype)}/${name}`) ?? [],
  };
}

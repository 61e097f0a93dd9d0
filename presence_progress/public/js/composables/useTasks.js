import { computed, toValue } from "vue";
import { getClient } from "../client/index.js";
import { tellSite } from "../client/stock.js";
import { isEnded } from "./useTask.js";
import { useRoom } from "./useRoom.js";

/**
 * @typedef {object} TaskLine
 * @property {string} id
 * @property {string} title
 * @property {string} state
 * @property {string | null} user
 * @property {number | null} queued_at
 * @property {number | null} ended_at
 */

/**
 * The tasks of a user (`ada@example.com`), of a DocType (`doctype:Airport`) or of a document
 * (`doc:Airport/LTFM`): running ones, then ends that nobody has seen, then the others; each newest
 * first.
 *
 * What has been seen is known of a user's own tasks alone; elsewhere nothing is unread.
 *
 * @example const { tasks, unread, markSeen } = useTasks(() => currentUser());
 * @param {import("vue").MaybeRefOrGetter<string | null | undefined>} scope
 */
export function useTasks(scope) {
  const { connection, rooms } = getClient();
  const { state, loaded, stale, denied } = useRoom(() => {
    const of = toValue(scope);
    return of ? `tasks:${of}` : null;
  });

  const isOwn = computed(() => !/^doc(type)?:/.test(toValue(scope) ?? ""));

  /** Ends up to then have been seen. */
  const seenAt = computed(() => (isOwn.value ? Number(state.value.seen_at) || 0 : Infinity));

  /** @param {{ state: string, ended_at: number | null }} line */
  function isUnread(line) {
    return isEnded(line.state) && (line.ended_at ?? 0) > seenAt.value;
  }

  const tasks = computed(() => {
    const lines = Object.entries(state.value)
      // Plain fields, such as `seen_at`, are no tasks.
      .filter(([, line]) => typeof line?.state === "string")
      .map(([id, line]) => /** @type {TaskLine} */ ({ ...line, id }));
    return lines.sort((a, b) => rank(a) - rank(b) || time(b) - time(a) || (a.id < b.id ? -1 : 1));
  });

  const unread = computed(() => tasks.value.filter(isUnread).length);

  /** @param {TaskLine} line */
  function rank(line) {
    if (!isEnded(line.state)) return 0;
    return isUnread(line) ? 1 : 2;
  }

  /** @param {TaskLine} line */
  const time = (line) => (isEnded(line.state) && line.ended_at) || line.queued_at || 0;

  /** Says that the ends in the list have been seen, on all pages of the user. */
  function markSeen() {
    const newest = Math.max(...tasks.value.filter(isUnread).map((line) => line.ended_at ?? 0));
    if (newest <= 0) return;
    if (rooms.stock.isStock) tellSite("seen", { until: newest }).catch(() => {});
    else connection.emit("tasks_seen", newest);
  }

  return { tasks, unread, isUnread, markSeen, loaded, stale, denied };
}

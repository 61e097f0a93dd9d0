import { computed, toValue } from "vue";
import { isEnded } from "./useTask.js";
import { useRoom } from "./useRoom.js";

/**
 * @typedef {object} TaskLine
 * @property {string} id
 * @property {string} title
 * @property {string} state
 * @property {string} user
 * @property {number} queued_at
 * @property {number | null} ended_at
 */

/**
 * The tasks of a user, or of a DocType (`doctype:Airport`): running ones first, newest first.
 *
 * @example const { tasks } = useTasks("doctype:Airport");
 * @param {import("vue").MaybeRefOrGetter<string | null | undefined>} scope
 */
export function useTasks(scope) {
  const { state, loaded, stale, denied } = useRoom(() => {
    const of = toValue(scope);
    return of ? `tasks:${of}` : null;
  });

  const tasks = computed(() =>
    Object.entries(state.value)
      .map(([id, line]) => /** @type {TaskLine} */ ({ ...line, id }))
      .sort(
        (a, b) =>
          Number(isEnded(a.state)) - Number(isEnded(b.state)) ||
          (b.queued_at ?? 0) - (a.queued_at ?? 0) ||
          a.id.localeCompare(b.id),
      ),
  );

  return { tasks, loaded, stale, denied };
}

/**
 * For how long nothing has been heard of a task's worker.
 */
import { computed, shallowRef, watch } from "vue";
import { useNow } from "../composables/useNow.js";

/** Nothing is stalled for longer; a page that reckons more has a clock that is wrong. */
const LONGEST_MS = 3_600_000;

/**
 * Seconds without a word, while the task is stalled; null when nobody knows since when.
 *
 * @param {() => import("../composables/useTask.js").Task | null} task
 */
export function useSilence(task) {
  const now = useNow(() => task()?.state === "stalled", 1_000);
  /** The last word, as `performance.now()` counts. @type {import("vue").ShallowRef<number | null>} */
  const heard = shallowRef(null);

  watch(
    () => /** @type {const} */ ([task()?.state, task()?.heard_at]),
    ([state, heardAt], last) => {
      const before = last?.[0];
      // Two clocks: the server's may be ahead of this one, or either wrong by hours.
      const age = Date.now() - (heardAt ?? NaN);
      if (state !== "stalled") heard.value = null;
      else if (Math.abs(age) < LONGEST_MS) heard.value = performance.now() - Math.max(0, age);
      else if (before && before !== state) heard.value = performance.now();
    },
    { flush: "sync", immediate: true },
  );

  return computed(() => {
    void now.value; // goes on with it
    return heard.value === null ? null : (performance.now() - heard.value) / 1000;
  });
}

/**
 * For how long nothing has been heard of a task's worker.
 */
import { computed, shallowRef, watch } from "vue";
import { useNow } from "../composables/useNow.js";

/**
 * Seconds without a word, while the task is stalled; null when nobody knows since when.
 *
 * @param {() => import("../composables/useTask.js").Task | null} task
 */
export function useSilence(task) {
  const now = useNow(() => task()?.state === "stalled", 1_000);
  /** When this page saw it stall. @type {import("vue").ShallowRef<number | null>} */
  const seen = shallowRef(null);

  watch(
    () => task()?.state,
    (state, before) => (seen.value = state === "stalled" && before ? Date.now() : null),
    { flush: "sync" },
  );

  return computed(() => {
    const since = task()?.heard_at ?? seen.value;
    // Two clocks: the server's may be ahead of this one.
    return since === null ? null : Math.max(0, now.value - since) / 1000;
  });
}

import { computed, toValue } from "vue";
import { readPresence } from "../client/viewers.js";
import { useRoom } from "./useRoom.js";

/**
 * Who is on the site at all; with `countOnly` no more than how many, which more people may know.
 *
 * Whoever may not know is `denied`, and sees nobody.
 *
 * @example const { viewers, count } = useOnline();
 * @param {object} [options]
 * @param {import("vue").MaybeRefOrGetter<boolean>} [options.countOnly]
 */
export function useOnline({ countOnly = false } = {}) {
  const { state, loaded, stale, denied } = useRoom(() =>
    toValue(countOnly) ? "online:count" : "online",
  );
  const here = computed(() => readPresence(state.value));

  return {
    viewers: computed(() => here.value.viewers),
    count: computed(() => here.value.count),
    loaded,
    stale,
    denied,
  };
}

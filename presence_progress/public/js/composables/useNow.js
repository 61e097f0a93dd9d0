import { onScopeDispose, readonly, ref, toValue, watch } from "vue";

/**
 * The time, for texts such as "a minute ago"; it goes on only while it is wanted.
 *
 * @param {import("vue").MaybeRefOrGetter<boolean>} wanted
 * @param {number} [everyMs]
 */
export function useNow(wanted, everyMs = 15_000) {
  const now = ref(Date.now());
  /** @type {ReturnType<typeof setInterval> | undefined} */
  let timer;

  function look() {
    now.value = Date.now();
  }

  watch(
    () => toValue(wanted),
    (on) => {
      clearInterval(timer);
      if (!on) return;
      look();
      timer = setInterval(look, everyMs);
    },
    { immediate: true, flush: "sync" },
  );
  onScopeDispose(() => clearInterval(timer));

  return readonly(now);
}

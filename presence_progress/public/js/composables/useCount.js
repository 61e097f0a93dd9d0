import { computed, onScopeDispose, shallowRef, toValue, watch } from "vue";
import { getClient } from "../client/index.js";
import { useRoom } from "./useRoom.js";

/**
 * A count, live: a kept one (`scope` and `name`), or the last one that a plain event told (`event`).
 *
 * A plain event is Frappe's `publish_realtime(event, {"count": n})`: nothing of it survives a
 * reload. A kept count does.
 *
 * @example const { value } = useCount({ scope: "doctype:Airport", name: "total" });
 * @param {object} source
 * @param {import("vue").MaybeRefOrGetter<string | null | undefined>} [source.event]
 * @param {import("vue").MaybeRefOrGetter<string | null | undefined>} [source.scope]
 * @param {import("vue").MaybeRefOrGetter<string | null | undefined>} [source.name]
 */
export function useCount({ event, scope, name }) {
  const { connection } = getClient();
  /** @type {import("vue").ShallowRef<number | null>} */
  const told = shallowRef(null);
  let stop = () => {};

  const room = useRoom(() => {
    const [of, called] = [toValue(scope), toValue(name)];
    return of && called && !toValue(event) ? `count:${of}/${called}` : null;
  });

  const value = computed(() => {
    if (toValue(event)) return told.value;
    if (!room.loaded.value) return null;
    // A count that was never set is nought.
    return numberIn(room.state.value.value) ?? 0;
  });

  watch(
    () => toValue(event),
    (called) => {
      stop();
      stop = () => {};
      told.value = null;
      if (!called) return;
      stop = connection.on(called, (message) => {
        told.value = numberIn(message?.count ?? message) ?? told.value;
      });
    },
    { immediate: true },
  );
  onScopeDispose(() => stop());

  return { value, stale: room.stale, denied: room.denied };
}

/** @param {unknown} value @returns {number | null} */
function numberIn(value) {
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}

import { computed, onScopeDispose, shallowRef, toValue, watch } from "vue";
import { getClient } from "../client/index.js";
import { queryRoom } from "../client/queryRoom.js";
import { useRoom } from "./useRoom.js";

/** @type {{ room: string | null, problem: string | null }} */
const NOTHING = { room: null, problem: null };

/**
 * A count, live: of the documents that this user may see (`doctype` and `filters`), a kept one
 * (`scope` and `name`), or the last one that a plain event told (`event`).
 *
 * A plain event is Frappe's `publish_realtime(event, {"count": n})`: nothing of it survives a
 * reload. A kept count does. Documents are counted by Frappe, and anew when some have changed.
 *
 * @example const { value } = useCount({ doctype: "ToDo", filters: { status: "Open" } });
 * @example const { value } = useCount({ scope: "doctype:Airport", name: "total" });
 * @param {object} source
 * @param {import("vue").MaybeRefOrGetter<string | null | undefined>} [source.event]
 * @param {import("vue").MaybeRefOrGetter<string | null | undefined>} [source.scope]
 * @param {import("vue").MaybeRefOrGetter<string | null | undefined>} [source.name]
 * @param {import("vue").MaybeRefOrGetter<string | null | undefined>} [source.doctype]
 * @param {import("vue").MaybeRefOrGetter<import("../client/queryRoom.js").Filters | string | null | undefined>} [source.filters]
 *   as Frappe takes them, an object or a list, or in JSON; none counts all that the user may see
 */
export function useCount({ event, scope, name, doctype, filters }) {
  const { connection } = getClient();
  /** @type {import("vue").ShallowRef<number | null>} */
  const told = shallowRef(null);
  let stop = () => {};

  const named = computed(() => {
    const [of, called, counted] = [toValue(scope), toValue(name), toValue(doctype)];
    if (toValue(event)) return NOTHING;
    if (counted) return queryRoom(counted, toValue(filters));
    return of && called ? { room: `count:${of}/${called}`, problem: null } : NOTHING;
  });
  const room = useRoom(() => named.value.room);

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

  /** Why there can be no number, if so: a reason of the server's, or "not JSON", "too long". */
  const denied = computed(() => named.value.problem ?? room.denied.value);

  return { value, stale: room.stale, denied };
}

/** @param {unknown} value @returns {number | null} */
function numberIn(value) {
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}

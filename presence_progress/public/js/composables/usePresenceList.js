import { onScopeDispose, shallowReactive, toValue, watch } from "vue";
import { getClient } from "../client/index.js";
import "../client/presenceList.js";
import { readPresence } from "../client/viewers.js";

/**
 * Who is in which document of a list: name → viewers, for the rows that are on screen.
 *
 * @example
 * const here = usePresenceList("Airport", () => rows.value.map((row) => row.name));
 * here.get("LTFM")?.count;
 *
 * @param {import("vue").MaybeRefOrGetter<string | null | undefined>} doctype
 * @param {import("vue").MaybeRefOrGetter<string[]>} names 500 at most; of rows that this user may
 *   not read nothing is said
 * @returns {Map<string, import("../client/viewers.js").Here>} reactive
 */
export function usePresenceList(doctype, names) {
  const { presenceList } = getClient();
  /** @type {Map<string, import("../client/viewers.js").Here>} */
  const here = shallowReactive(new Map());
  /** @type {import("../client/presenceList.js").PresenceList | undefined} */
  let list;

  watch(
    () => toValue(doctype),
    (type) => {
      list?.stop();
      here.clear();
      list = type
        ? presenceList(type, (name, state) => {
            if (state) here.set(name, readPresence(state));
            else here.delete(name);
          })
        : undefined;
      list?.show(toValue(names));
    },
    { immediate: true },
  );
  // A copy: rows that are put into the same array count, too.
  watch(
    () => [...toValue(names)],
    (now) => list?.show(now),
  );
  onScopeDispose(() => list?.stop());

  return here;
}

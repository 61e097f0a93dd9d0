import { computed, onScopeDispose, toValue, watch } from "vue";
import { getClient } from "../client/index.js";
import { watchActivity } from "../client/activity.js";
import { useRoom } from "./useRoom.js";
import { viewersIn } from "./useViewers.js";

/**
 * Who has a document open; with `enter`, this user too, for as long as the scope lives.
 *
 * @example
 * const form = ref(null);
 * const { viewers } = usePresence("Airport", () => props.icao, { enter: true, form });
 *
 * @param {import("vue").MaybeRefOrGetter<string | null | undefined>} doctype
 * @param {import("vue").MaybeRefOrGetter<string | null | undefined>} name
 * @param {object} [options]
 * @param {import("vue").MaybeRefOrGetter<boolean>} [options.enter] become a viewer, too
 * @param {import("vue").MaybeRefOrGetter<EventTarget | null>} [options.form] typing in it is editing
 */
export function usePresence(doctype, name, { enter = false, form = null } = {}) {
  const { presence } = getClient();
  const document = computed(() => {
    const [type, id] = [toValue(doctype), toValue(name)];
    return type && id ? { doctype: type, name: id, room: `presence:${type}/${id}` } : null;
  });
  const { state, loaded, stale, denied } = useRoom(() => document.value?.room);
  const viewers = computed(() => viewersIn(state.value));
  /** @type {import("../client/presence.js").Visit | undefined} */
  let visit;
  let stopWatching = () => {};
  /** @type {Partial<import("../client/presence.js").Doing>} */
  let doing = {};

  function leave() {
    visit?.leave();
    visit = undefined;
  }

  watch(
    () => (toValue(enter) ? document.value?.room : null),
    () => {
      leave();
      const open = document.value;
      if (toValue(enter) && open) visit = presence.enter(open.doctype, open.name, doing);
    },
    { immediate: true },
  );

  watch(
    [() => toValue(enter), () => toValue(form)],
    () => {
      stopWatching();
      stopWatching = () => {};
      if (!toValue(enter)) return;
      stopWatching = watchActivity({
        form: toValue(form),
        onChange(now) {
          doing = now;
          visit?.update(now);
        },
      });
    },
    { immediate: true, flush: "post" },
  );
  onScopeDispose(() => {
    stopWatching();
    leave();
  });

  return { viewers, loaded, stale, denied };
}

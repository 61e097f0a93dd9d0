import { computed, onScopeDispose, toValue, watch } from "vue";
import { getClient } from "../client/index.js";
import "../client/presence.js";
import { watchActivity } from "../client/activity.js";
import { editorsAmong, readPresence } from "../client/viewers.js";
import { useRoom } from "./useRoom.js";

/**
 * Who has a document open; with `enter`, this user too, for as long as the scope lives.
 *
 * `count` is exact, `viewers` are the first of them, `left` those who left within two minutes.
 * `contested` is true while two or more of them (`editors`, this user included) edit at once.
 *
 * @example
 * const form = ref(null);
 * const { viewers, count } = usePresence("Airport", () => props.icao, { enter: true, form });
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
  const here = computed(() => readPresence(state.value));
  const editors = computed(() => editorsAmong(here.value.viewers));
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
        onGoingOn: () => visit?.renew(),
      });
    },
    { immediate: true, flush: "post" },
  );
  onScopeDispose(() => {
    stopWatching();
    leave();
  });

  return {
    viewers: computed(() => here.value.viewers),
    count: computed(() => here.value.count),
    left: computed(() => here.value.left),
    editors,
    contested: computed(() => editors.value.length > 1),
    loaded,
    stale,
    denied,
  };
}

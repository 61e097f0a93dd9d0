import { computed, onScopeDispose, shallowRef, toValue, watch } from "vue";
import { getClient } from "../client/index.js";

/** @type {import("../client/rooms.js").RoomView} */
const NOTHING = { room: "", state: Object.create(null), loaded: false, stale: false, denied: null };

/**
 * A room, live. Every other composable of ours stands on this one.
 *
 * @example const { state } = useRoom("count:website/visits");
 * @param {import("vue").MaybeRefOrGetter<string | null | undefined>} room none watches nothing
 */
export function useRoom(room) {
  const { rooms } = getClient();
  const view = shallowRef(NOTHING);
  /** @type {(() => void) | undefined} */
  let stop;

  watch(
    () => toValue(room),
    (name) => {
      stop?.();
      stop = undefined;
      view.value = NOTHING;
      if (name) stop = rooms.watch(name, (next) => (view.value = next));
    },
    { immediate: true, flush: "sync" },
  );
  onScopeDispose(() => stop?.());

  return {
    state: computed(() => view.value.state),
    loaded: computed(() => view.value.loaded),
    stale: computed(() => view.value.stale),
    denied: computed(() => view.value.denied),
  };
}

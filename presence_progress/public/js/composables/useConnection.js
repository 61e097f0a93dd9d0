import { onScopeDispose, readonly, ref, shallowRef } from "vue";
import { getClient } from "../client/index.js";

/** A blip shorter than this is nobody's business. */
const OFFLINE_AFTER_MS = 2_000;

/**
 * The state of the page's connection.
 *
 * @example const { state, offline } = useConnection();
 */
export function useConnection() {
  const { connection } = getClient();
  const state = shallowRef(connection.state);
  const offline = ref(false);
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;

  function follow() {
    state.value = connection.state;
    clearTimeout(timer);
    if (state.value === "connected") offline.value = false;
    else timer = setTimeout(() => (offline.value = true), OFFLINE_AFTER_MS);
  }

  const stop = connection.onState(follow);
  follow();
  onScopeDispose(() => {
    stop();
    clearTimeout(timer);
  });

  return { state: readonly(state), offline: readonly(offline) };
}

import { onScopeDispose, readonly, ref } from "vue";
import { getClient } from "../client/index.js";

/**
 * Whether this user is invisible to others, everywhere on the site; and a way to change that.
 *
 * @example const { invisible, setInvisible } = useInvisible();
 */
export function useInvisible() {
  const client = getClient().invisible;
  const invisible = ref(client.value);
  const stop = client.onChange((value) => (invisible.value = value));
  onScopeDispose(stop);

  return {
    invisible: readonly(invisible),
    /** Asks the site; `invisible` follows when it agrees. @param {boolean} wanted */
    setInvisible: (wanted) => client.ask(wanted),
  };
}

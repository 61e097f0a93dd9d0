import { onScopeDispose, readonly, ref } from "vue";

/** Where Desk itself moves its buttons together. */
const NARROW = "(max-width: 767px)";

/** Whether the window is too narrow for words beside buttons; reactive. */
export function useNarrow() {
  const media = window.matchMedia(NARROW);
  const narrow = ref(media.matches);
  const follow = () => (narrow.value = media.matches);
  media.addEventListener("change", follow);
  onScopeDispose(() => media.removeEventListener("change", follow));
  return readonly(narrow);
}

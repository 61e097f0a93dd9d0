import { onScopeDispose, readonly, ref } from "vue";

/** Less than this has no place for words beside Save: a sidebar of Desk's takes some, too. */
const NARROW = "(max-width: 991px)";

/** Whether the window is too narrow for words beside buttons; reactive. */
export function useNarrow() {
  const media = window.matchMedia(NARROW);
  const narrow = ref(media.matches);
  const follow = () => (narrow.value = media.matches);
  media.addEventListener("change", follow);
  onScopeDispose(() => media.removeEventListener("change", follow));
  return readonly(narrow);
}

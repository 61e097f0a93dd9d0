import { computed, reactive, ref, shallowRef, watch } from "vue";
import { listAirports } from "./api.js";
import { go, listPath, route } from "./route.js";

export const PAGE_LENGTH = 20;

/**
 * The page of the list that the address names.
 *
 * @typedef {ReturnType<typeof useAirports>} Airports
 */
export function useAirports() {
  /** @type {import("vue").ShallowRef<any[]>} */
  const rows = shallowRef([]);
  const total = ref(0);
  const loaded = ref(false);
  const error = ref("");
  const refused = ref("");
  /** The newest question; an older one's answer comes too late. */
  let question = 0;

  const search = computed(() => (route.value.page === "list" ? route.value.search : ""));
  const number = computed(() => (route.value.page === "list" ? route.value.number : 1));
  const pages = computed(() => Math.max(1, Math.ceil(total.value / PAGE_LENGTH)));

  async function load() {
    const mine = ++question;
    try {
      const start = (number.value - 1) * PAGE_LENGTH;
      const page = await listAirports({ search: search.value, start, length: PAGE_LENGTH });
      if (mine !== question) return;
      rows.value = page.rows;
      total.value = page.total;
      error.value = refused.value = "";
      loaded.value = true;
      // The table has shrunk under a page that was asked for.
      if (!page.rows.length && page.total)
        go(listPath(search.value, pages.value), { replace: true });
    } catch (cause) {
      if (mine !== question) return;
      const { message, status } = /** @type {import("./api.js").ApiError} */ (cause);
      if (status === 403) refused.value = message;
      else error.value = message;
    }
  }

  watch([search, number], load, { immediate: true });

  return reactive({
    rows,
    total,
    loaded,
    error,
    refused,
    search,
    number,
    pages,
    load,
    /** @param {string} text */
    find: (text) => go(listPath(text), { replace: true }),
    /** @param {number} to */
    pagePath: (to) => listPath(search.value, to),
  });
}

import { ref, shallowRef } from "vue";

/**
 * @typedef {object} HistoryLine
 * @property {string} id
 * @property {string} title
 * @property {import("./useTask.js").TaskState} state
 * @property {string | null} user
 * @property {number} attempt
 * @property {number} done
 * @property {number | null} total
 * @property {string | null} error
 * @property {string | null} result
 * @property {number | null} queued_at
 * @property {number | null} started_at
 * @property {number | null} ended_at
 */

/** Where a site tells of tasks that have ended long ago. */
export const HISTORY_URL = "/api/method/presence_progress.site.tasks.history";

const PAGE = 20;
/** A person looks for something; a page that grows for ever helps nobody. */
const LIMIT = 200;

/**
 * The tasks that this user once had, as the site keeps them; nothing is asked before `load()`.
 *
 * @example const { lines, more, load } = useTaskHistory();
 * @param {() => string} [url] an empty one has no history
 */
export function useTaskHistory(url = () => HISTORY_URL) {
  /** @type {import("vue").ShallowRef<HistoryLine[]>} */
  const lines = shallowRef([]);
  /** There may be more of it; false also where the site keeps none, or shows none to this user. */
  const more = ref(true);
  const loading = ref(false);
  const failed = ref(false);
  let start = 0;

  /** Brings the next page. */
  async function load() {
    if (loading.value || !more.value) return;
    loading.value = true;
    failed.value = false;
    try {
      take(await fetchPage(url(), start));
    } catch {
      failed.value = true;
    } finally {
      loading.value = false;
    }
  }

  /** @param {any[] | null} page */
  function take(page) {
    if (page === null) {
      more.value = false;
      return;
    }
    start += page.length;
    const known = new Set(lines.value.map(({ id }) => id));
    const fresh = page.map(({ name, ...line }) => ({ ...line, id: name }));
    // A task that has ended meanwhile moves the pages on: some come twice.
    lines.value = [...lines.value, ...fresh.filter(({ id }) => !known.has(id))].slice(0, LIMIT);
    more.value = page.length === PAGE && lines.value.length < LIMIT;
  }

  return { lines, more, loading, failed, load };
}

/** @param {string} url @param {number} start @returns {Promise<any[] | null>} null: there is none */
async function fetchPage(url, start) {
  const query = new URLSearchParams({ start: String(start), limit: String(PAGE) });
  const answer = await fetch(`${url}?${query}`, { headers: { Accept: "application/json" } });
  if ([401, 403, 404].includes(answer.status)) return null;
  if (!answer.ok) throw new Error(`The history answered ${answer.status}`);
  const { message } = await answer.json();
  return Array.isArray(message) ? message : null;
}

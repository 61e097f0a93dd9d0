/**
 * Two pages need no router: the address is read into a ref, and links push to the history.
 */
import { shallowRef } from "vue";

/** @typedef {{ page: "list", search: string, number: number } | { page: "airport", icao: string }} Route */

/** @returns {Route} */
function read() {
  const [, icao] = window.location.pathname.match(/^\/airport\/([^/]+)\/?$/) ?? [];
  if (icao) return { page: "airport", icao: decodeURIComponent(icao) };
  const query = new URLSearchParams(window.location.search);
  const number = Number.parseInt(query.get("page") ?? "1", 10);
  return { page: "list", search: query.get("search") ?? "", number: Math.max(1, number || 1) };
}

export const route = shallowRef(read());
window.addEventListener("popstate", () => (route.value = read()));

/** @param {string} path @param {{ replace?: boolean }} [options] */
export function go(path, { replace = false } = {}) {
  if (replace) window.history.replaceState(null, "", path);
  else window.history.pushState(null, "", path);
  route.value = read();
}

/** @param {string} search @param {number} number */
export function listPath(search, number = 1) {
  const query = new URLSearchParams();
  if (search) query.set("search", search);
  if (number > 1) query.set("page", String(number));
  return query.size ? `/?${query}` : "/";
}

/** @param {string} icao */
export const airportPath = (icao) => `/airport/${encodeURIComponent(icao)}`;

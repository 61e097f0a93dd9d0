/**
 * Loads a bundle of ours, once, however many ask, and for as long as it takes.
 */
import { createBackoff } from "../client/backoff.js";

/** @type {Map<string, Promise<void>>} */
const loading = new Map();

/** @param {string} name such as "presence_progress_vue" @returns {Promise<void>} when it has run */
export function load(name) {
  let loaded = loading.get(name);
  if (!loaded) loading.set(name, (loaded = loadWithRetries(pathOf(name))));
  return loaded;
}

/** Has a bundle fetched already while what it needs is still on its way. @param {string} name */
export function preload(name) {
  const link = document.createElement("link");
  Object.assign(link, { rel: "preload", as: "script", href: pathOf(name) });
  document.head.append(link);
}

/** Each build names its files anew; Frappe tells its pages how. @param {string} name */
function pathOf(name) {
  const file = `${name}.bundle.js`;
  return /** @type {any} */ (window).frappe?.boot?.assets_json?.[file] ?? file;
}

/** @param {string} path @returns {Promise<void>} */
function loadWithRetries(path) {
  const backoff = createBackoff({ first: 1_000, limit: 30_000 });

  return new Promise((resolve) => {
    (function attempt() {
      const script = document.createElement("script");
      script.src = path;
      script.onload = () => resolve();
      script.onerror = () => {
        script.remove();
        setTimeout(attempt, backoff.next());
      };
      document.head.append(script);
    })();
  });
}

/**
 * Loads the elements that are on the page, now or later, and nothing for a page that has none.
 */
import { load, preload } from "./assets.js";

const PIECES = /** @type {Record<string, string>} */ ({
  "live-count": "counts",
  "doc-viewers": "presence",
  "online-users": "presence",
  "task-progress": "task",
  "task-tray": "tray",
});

export function loadElementsWhenSeen() {
  const missing = new Set(Object.keys(PIECES));

  function look() {
    for (const tag of missing) {
      if (!document.querySelector(tag)) continue;
      missing.delete(tag);
      if (!customElements.get(tag)) void loadPiece(`presence_progress_${PIECES[tag]}`);
    }
    if (!missing.size) observer.disconnect();
  }

  const observer = new MutationObserver(look);
  observer.observe(document.documentElement, { childList: true, subtree: true });
  look();
}

/** @param {string} piece */
async function loadPiece(piece) {
  preload(piece);
  await load("presence_progress_vue");
  await load(piece);
}

/**
 * Loads the elements that are on the page, now or later, and nothing for a page that has none.
 */
import { load, preload } from "./assets.js";
import { learnLanguage } from "./language.js";

const PIECES = /** @type {Record<string, string>} */ ({
  "live-count": "counts",
  "doc-viewers": "presence",
  "online-users": "presence",
  "task-progress": "task",
  "task-tray": "tray",
});

export function loadElementsWhenSeen() {
  /** @type {Promise<void> | undefined} */
  let learnt;
  const missing = new Set(Object.keys(PIECES));

  function look() {
    for (const tag of missing) {
      if (!document.querySelector(tag)) continue;
      missing.delete(tag);
      if (customElements.get(tag)) continue;
      learnt ??= learnLanguage();
      void loadPiece(`presence_progress_${PIECES[tag]}`, learnt);
    }
    if (!missing.size) observer.disconnect();
  }

  const observer = new MutationObserver(look);
  observer.observe(document.documentElement, { childList: true, subtree: true });
  look();
}

/** @param {string} piece @param {Promise<void>} learnt */
async function loadPiece(piece, learnt) {
  preload(piece);
  await Promise.all([load("presence_progress_vue"), learnt]);
  await load(piece);
}

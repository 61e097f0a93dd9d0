/**
 * One polite live region for the page: screen readers hear of progress without a flood.
 *
 * It stands in the document, since live regions in shadow roots that come and go are not read
 * reliably, and apart from what is shown, which changes too often to be read aloud.
 */

const EVERY_MS = 5_000;
const ID = "presence-progress-announcer";

/** @returns {HTMLElement} */
function region() {
  const found = document.getElementById(ID);
  if (found) return found;
  const made = document.createElement("div");
  made.id = ID;
  made.setAttribute("role", "status");
  made.setAttribute("aria-live", "polite");
  made.style.cssText =
    "position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap";
  document.body.append(made);
  return made;
}

/** Ends that were told: a task may stand on a page more than once. @type {Set<string>} */
const told = new Set();

/**
 * What the end of a task is told once under; nothing where its time is not known.
 *
 * @param {string} taskId
 * @param {number | null | undefined} endedAt
 */
export function endKey(taskId, endedAt) {
  return endedAt ? `${taskId} ${endedAt}` : undefined;
}

/** Makes a speaker that says its newest text, at most every five seconds. */
export function createAnnouncer() {
  let last = -Infinity;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;

  /** @param {string} text */
  function say(text) {
    last = performance.now();
    region().textContent = text;
  }

  return {
    /**
     * @param {string} text
     * @param {{ now?: boolean, once?: string }} [options] `now` for what ends a matter; of what has
     *   the same `once`, only the first is said, whoever says it
     */
    announce(text, { now = false, once } = {}) {
      clearTimeout(timer);
      if (once !== undefined) {
        if (told.has(once)) return;
        told.add(once);
      }
      const wait = now ? 0 : last + EVERY_MS - performance.now();
      if (wait <= 0) say(text);
      else timer = setTimeout(() => say(text), wait);
    },
    stop: () => clearTimeout(timer),
  };
}

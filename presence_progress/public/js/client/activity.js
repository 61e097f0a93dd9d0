/**
 * What the person in front of this page is doing: editing, viewing or idle, and in which field.
 *
 * Only what the page itself can see. Whether the page still exists is the server's to say: browsers
 * slow down the timers of pages in the background.
 */

/** @typedef {import("./presence.js").Doing} Doing */

export const EDITING_MS = 8_000;
export const IDLE_MS = 60_000;

/**
 * @param {number} now
 * @param {{ hidden: boolean, touchedAt: number, typedAt: number }} seen times in milliseconds
 * @returns {import("./presence.js").Activity}
 */
export function activityAt(now, { hidden, touchedAt, typedAt }) {
  if (hidden || now - touchedAt >= IDLE_MS) return "idle";
  return now - typedAt < EDITING_MS ? "editing" : "viewing";
}

/**
 * Watches a page and reports what its user does, now and at each change.
 *
 * @param {object} options
 * @param {EventTarget | null} [options.form] where typing counts as editing
 * @param {(doing: Doing) => void} options.onChange
 * @param {Document} [options.page]
 * @param {{ now: () => number, setTimeout: Function, clearTimeout: Function }} [options.clock]
 * @returns {() => void} stops watching
 */
export function watchActivity({ form = null, onChange, page = document, clock = systemClock }) {
  const stopped = new AbortController();
  const seen = { hidden: page.hidden, touchedAt: clock.now(), typedAt: -Infinity };
  /** @type {string | null} */
  let focus = null;
  let reported = "";
  /** @type {any} */
  let timer;

  function report() {
    const now = clock.now();
    const activity = activityAt(now, seen);
    const doing = { activity, focus: activity === "idle" ? null : focus };
    clock.clearTimeout(timer);
    if (activity !== "idle") {
      const ends = activity === "editing" ? seen.typedAt + EDITING_MS : seen.touchedAt + IDLE_MS;
      timer = clock.setTimeout(report, Math.max(ends - now, 0));
    }
    if (JSON.stringify(doing) === reported) return;
    reported = JSON.stringify(doing);
    onChange(doing);
  }

  /**
   * @param {EventTarget | null} target
   * @param {string[]} events
   * @param {(event: Event) => void} listener
   */
  function listen(target, events, listener) {
    const options = { passive: true, capture: true, signal: stopped.signal };
    for (const event of events) target?.addEventListener(event, listener, options);
  }

  listen(page, ["pointerdown", "pointermove", "keydown", "wheel", "touchstart"], () => {
    const wasIdle = activityAt(clock.now(), seen) === "idle";
    seen.touchedAt = clock.now();
    // A pointer moves often; the timer that is set finds the new time by itself.
    if (wasIdle) report();
  });
  listen(page, ["visibilitychange"], () => {
    seen.hidden = page.hidden;
    if (!page.hidden) seen.touchedAt = clock.now();
    report();
  });
  listen(form, ["input"], (event) => {
    seen.typedAt = seen.touchedAt = clock.now();
    focus = fieldName(event.target) ?? focus;
    report();
  });
  listen(form, ["focusin"], (event) => {
    focus = fieldName(event.target);
    report();
  });
  listen(form, ["focusout"], () => {
    focus = null;
    report();
  });
  report();

  return () => {
    stopped.abort();
    clock.clearTimeout(timer);
  };
}

/**
 * The field that an element edits: Frappe's `data-fieldname`, else its name.
 *
 * @param {EventTarget | null} target
 * @returns {string | null}
 */
function fieldName(target) {
  if (!(target instanceof Element)) return null;
  const field = target.closest("[data-fieldname]")?.getAttribute("data-fieldname");
  return field || target.getAttribute("name") || null;
}

const systemClock = {
  now: () => Date.now(),
  setTimeout: (/** @type {() => void} */ run, /** @type {number} */ ms) => setTimeout(run, ms),
  clearTimeout: (/** @type {any} */ timer) => clearTimeout(timer),
};

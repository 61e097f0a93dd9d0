/**
 * What the person in front of this page is doing: editing, viewing or idle, and in which field.
 *
 * Only what the page itself can see. Whether the page still exists is the server's to say: browsers
 * slow down the timers of pages in the background. For the same reason the server lets editing and
 * focus end by themselves, 15 s and 60 s after they were last said, so what goes on is said again.
 */

/** @typedef {import("./presence.js").Doing} Doing */

/** How long after the last keystroke somebody still edits. */
export const EDITING_MS = 10_000;
export const IDLE_MS = 60_000;
/** While somebody types it is said again this often; while a field has the focus, that often. */
export const EDITING_AGAIN_MS = 5_000;
export const FOCUS_AGAIN_MS = 20_000;

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
 * Watches a page and reports what its user does, now, at each change, and while it goes on.
 *
 * @param {object} options
 * @param {EventTarget | null} [options.form] where typing counts as editing
 * @param {(doing: Doing) => void} options.onChange
 * @param {() => void} [options.onGoingOn] the same as before, and still true
 * @param {Document} [options.page]
 * @param {{ now: () => number, setTimeout: Function, clearTimeout: Function }} [options.clock]
 * @returns {() => void} stops watching
 */
export function watchActivity({
  form = null,
  onChange,
  onGoingOn = () => {},
  page = document,
  clock = systemClock,
}) {
  const stopped = new AbortController();
  const seen = { hidden: page.hidden, touchedAt: clock.now(), typedAt: -Infinity };
  /** @type {string | null} */
  let focus = null;
  let reported = "";
  let reportedAt = -Infinity;
  /** @type {any} */
  let timer;

  function report() {
    const now = clock.now();
    const activity = activityAt(now, seen);
    const doing = { activity, focus: activity === "idle" ? null : focus };
    const text = JSON.stringify(doing);
    if (text !== reported || now >= againAt(doing)) {
      const again = text === reported;
      reported = text;
      reportedAt = now;
      if (again) onGoingOn();
      else onChange(doing);
    }
    lookAgainAt(Math.min(endOf(activity), doing.focus ? reportedAt + FOCUS_AGAIN_MS : Infinity));
  }

  /** When what is reported already is to be said once more. @param {Doing} doing */
  function againAt(doing) {
    const typed = doing.activity === "editing" && seen.typedAt > reportedAt;
    if (typed) return reportedAt + EDITING_AGAIN_MS;
    return doing.focus ? reportedAt + FOCUS_AGAIN_MS : Infinity;
  }

  /** When an activity ends if nothing happens. @param {string} activity */
  function endOf(activity) {
    if (activity === "idle") return Infinity;
    return activity === "editing" ? seen.typedAt + EDITING_MS : seen.touchedAt + IDLE_MS;
  }

  /** @param {number} time */
  function lookAgainAt(time) {
    clock.clearTimeout(timer);
    if (time < Infinity) timer = clock.setTimeout(report, Math.max(time - clock.now(), 0));
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
  // Nobody sets this clock.
  now: () => performance.now(),
  setTimeout: (/** @type {() => void} */ run, /** @type {number} */ ms) => setTimeout(run, ms),
  clearTimeout: (/** @type {any} */ timer) => clearTimeout(timer),
};

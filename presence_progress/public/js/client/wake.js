/**
 * Notices when a page comes back: into sight, onto the network, or to life at all.
 *
 * A page that was frozen (by the browser, with its process, or with the computer) has not answered
 * the server's pings and may be gone for others without knowing. Browsers tell some of these events;
 * a timer that is far too late shows the rest. By two clocks: one stands still in some browsers while
 * the computer sleeps, and the other may be set; to be thought asleep costs no more than a ping.
 */

const TICK_MS = 2_000;
const LATE_MS = 5_000;

/**
 * @param {(how: { slept: boolean }) => void} onWake `slept` when no script had been running
 * @param {Window} [page]
 * @returns {() => void} stops watching
 */
export function watchWake(onWake, page = window) {
  const { document } = page;
  const stopped = new AbortController();
  const { signal } = stopped;
  const read = () => [performance.now(), Date.now()];
  let tickedAt = read();

  const wake = (/** @type {boolean} */ slept) => {
    tickedAt = read();
    onWake({ slept });
  };

  document.addEventListener("resume", () => wake(true), { signal });
  document.addEventListener("visibilitychange", () => !document.hidden && wake(false), { signal });
  page.addEventListener("pageshow", (event) => event.persisted && wake(true), { signal });
  page.addEventListener("online", () => wake(false), { signal });
  const timer = setInterval(() => {
    const now = read();
    const late = Math.max(...now.map((time, i) => time - tickedAt[i])) - TICK_MS;
    tickedAt = now;
    // In a page out of sight browsers slow all timers down.
    if (late > LATE_MS && !document.hidden) wake(true);
  }, TICK_MS);

  return () => {
    stopped.abort();
    clearInterval(timer);
  };
}

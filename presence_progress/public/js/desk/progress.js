/**
 * Progress of Frappe's own, in the tray instead of a dialog over the page.
 *
 * The realtime server keeps it as a task. What does not become a task of this user, such as progress
 * that is told to all who have a document open, still gets its dialog.
 */

/** A task is kept after a second of progress; it is on this page a moment later. */
const PATIENCE_MS = 3_000;
const DEFAULT_TITLE = "Progress";
/** The server cuts longer ones. */
const MAX_TITLE = 140;

/**
 * @param {any} socket Frappe's, with its own listener on it
 * @param {(title: string) => boolean} isInTray whether the tray has a task of that title
 */
export function createProgressSwitch(socket, isInTray) {
  /** Frappe adds one when it opens the socket, and nobody can have come before. */
  const stock = socket?.listeners?.("progress")?.[0];
  /** When each title was first and last heard of. @type {Map<string, { first: number, last: number }>} */
  const heard = new Map();
  let isOn = false;

  /** @param {any} data */
  function hear(data) {
    const title = String(data?.title || DEFAULT_TITLE).slice(0, MAX_TITLE);
    const now = performance.now();
    const before = heard.get(title);
    const goesOn = before && now - before.last < 2 * PATIENCE_MS;
    const first = goesOn ? before.first : now;
    heard.set(title, { first, last: now });
    if (now - first < PATIENCE_MS || isInTray(title)) return;
    stock.call(socket, data);
  }

  return {
    /** @param {boolean} inTray */
    set(inTray) {
      if (!stock || inTray === isOn) return;
      isOn = inTray;
      // By the function: without one, Frappe's `off` takes away whichever came first.
      socket.off("progress", isOn ? stock : hear);
      socket.on("progress", isOn ? hear : stock);
    },
  };
}

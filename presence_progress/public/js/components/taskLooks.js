/**
 * What a task lets its watcher do, and how full its bar is.
 */
import { currentUser } from "../client/user.js";

/** @typedef {import("../composables/useTask.js").Task} Task */

/** The server decides; a button that it would refuse is not shown. @param {Task} task */
function owns({ user }) {
  const me = currentUser();
  return !me || me === user || me === "Administrator";
}

/** @param {Task | null} task */
export function mayCancel(task) {
  // What Frappe itself told of has nobody who would listen.
  if (!task || task.source || !owns(task)) return false;
  return ["queued", "running", "stalled"].includes(task.state);
}

/** @param {Task | null} task */
export function mayRetry(task) {
  if (!task?.retryable || !owns(task)) return false;
  return ["failed", "cancelled", "lost"].includes(task.state);
}

/** @param {Task | null} task @returns {number | null} null while nobody knows */
export function percentOf(task) {
  if (typeof task?.percent === "number") return Math.min(100, Math.max(0, task.percent));
  // Of an unknown total, all is done when it is done.
  return task?.state === "done" ? 100 : null;
}

/**
 * Where what came of it is; a link that would run a script is none.
 *
 * @param {string | null | undefined} result
 * @returns {string | undefined}
 */
export function resultLink(result) {
  try {
    const { protocol, href } = new URL(result ?? "", window.location.href);
    return result && ["http:", "https:"].includes(protocol) ? href : undefined;
  } catch {
    return undefined;
  }
}

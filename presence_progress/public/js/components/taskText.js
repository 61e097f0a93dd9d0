/**
 * What a task says of itself, in words.
 */
import { formatDuration, formatNumber, formatRate } from "../client/numbers.js";
import { translate } from "../client/translate.js";

/** @typedef {import("../composables/useTask.js").Task} Task */

/** @param {Task["state"]} state */
export function stateText(state) {
  switch (state) {
    case "queued":
      return translate("Waiting");
    case "running":
      return translate("Running");
    case "cancelling":
      return translate("Cancelling");
    case "done":
      return translate("Done");
    case "failed":
      return translate("Failed");
    case "cancelled":
      return translate("Cancelled");
    default:
      return state;
  }
}

/** "12,340 of 28,298", or "12,340 done" where nobody knows the total. @param {Task} task */
export function doneText({ done, total }) {
  if (total === null || total === undefined) return translate("{0} done", formatNumber(done ?? 0));
  return translate("{0} of {1}", formatNumber(done ?? 0), formatNumber(total));
}

/** How fast, how much longer, or how long it took. @param {Task} task @returns {string[]} */
export function paceTexts({ state, rate, eta, started_at, ended_at }) {
  if (state === "running" || state === "cancelling") {
    return [
      ...(rate ? [formatRate(rate)] : []),
      ...(typeof eta === "number" && state === "running"
        ? [translate("{0} left", formatDuration(eta))]
        : []),
    ];
  }
  if (started_at && ended_at) {
    const seconds = (ended_at - started_at) / 1000;
    if (seconds < 1) return [translate("took less than a second")];
    return [translate("took {0}", formatDuration(seconds))];
  }
  return [];
}

/** @param {"warning" | "error"} level @param {number} count */
export function issuesText(level, count) {
  const number = formatNumber(count);
  if (level === "error")
    return count === 1 ? translate("1 error") : translate("{0} errors", number);
  return count === 1 ? translate("1 warning") : translate("{0} warnings", number);
}

/** The whole of it in one sentence, for those who listen. @param {Task} task */
export function spokenText(task) {
  const percent = typeof task.percent === "number" ? `${task.percent} %` : "";
  const stage = task.state === "running" ? (task.stage ?? "") : "";
  return [stateText(task.state), stage, percent, doneText(task)].filter(Boolean).join(", ");
}

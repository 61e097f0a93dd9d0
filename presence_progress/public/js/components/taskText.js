/**
 * What a task says of itself, in words.
 */
import { isolate } from "../client/bidi.js";
import { formatDuration, formatNumber, formatRate, formatSpan } from "../client/numbers.js";
import { translate } from "../client/translate.js";
import { currentUser } from "../client/user.js";

/** @typedef {import("../composables/useTask.js").Task} Task */

/** A range is told when its ends are this far apart; one number is read more easily. */
const WIDE = { ratio: 1.25, seconds: 5 };

/** @param {string} state */
export function stateText(state) {
  switch (state) {
    case "queued":
      return translate("Waiting");
    case "running":
      return translate("Running");
    case "stalled":
      return translate("Stalled");
    case "cancelling":
      return translate("Cancelling");
    case "done":
      return translate("Done");
    case "failed":
      return translate("Failed");
    case "cancelled":
      return translate("Cancelled");
    case "lost":
      return translate("Lost");
    default:
      return state;
  }
}

/**
 * "12,340 of 28,298", "12,340 done" where nobody knows the total, or what the children have come to.
 *
 * @param {Pick<Task, "done" | "total"> & Partial<Task>} task
 */
export function doneText({ done, total, children }) {
  if (children) return childrenText(children);
  if (total === null || total === undefined) return translate("{0} done", formatNumber(done ?? 0));
  return translate("{0} of {1}", formatNumber(done ?? 0), formatNumber(total));
}

/** @param {NonNullable<Task["children"]>} children */
function childrenText({ total, done, failed, left }) {
  return [
    translate("{0} of {1} done", formatNumber(done), formatNumber(total)),
    ...(failed ? [translate("{0} failed", formatNumber(failed))] : []),
    ...(left ? [translate("{0} left", formatNumber(left))] : []),
  ].join(", ");
}

/** How much longer: one number, or two when it is not known well. @param {Partial<Task>} task */
export function etaText({ state, eta, eta_range: range }) {
  if (state !== "running" || typeof eta !== "number") return "";
  const [low, high] = range ?? [eta, eta];
  const wide = high >= low * WIDE.ratio && high - low >= WIDE.seconds;
  const span = wide ? formatSpan(low, high) : "";
  return span ? translate("about {0} left", span) : translate("{0} left", formatDuration(eta));
}

/** How fast, how much longer, or how long it took. @param {Task} task @returns {string[]} */
export function paceTexts(task) {
  const { state, rate, started_at, ended_at } = task;
  if (state === "running" || state === "cancelling") {
    return [rate ? formatRate(rate) : "", etaText(task)].filter(Boolean);
  }
  if (!started_at || !ended_at) return [];
  // Of two machines' clocks, or of one that was set meanwhile.
  const seconds = Math.max(0, ended_at - started_at) / 1000;
  if (state !== "done") return [translate("after {0}", formatDuration(seconds))];
  if (seconds < 1) return [translate("took less than a second")];
  return [translate("took {0}", formatDuration(seconds))];
}

/**
 * What else is worth a word: that there is more to do than was said, that it is not the first attempt.
 *
 * @param {Task} task
 * @returns {string[]}
 */
export function asideTexts({ state, attempt, total_grown: grown }) {
  return [
    ...(grown && state === "running" ? [translate("the total has grown")] : []),
    ...(attempt > 1 ? [attemptText(attempt)] : []),
  ];
}

/** @param {number} attempt */
function attemptText(attempt) {
  if (attempt === 2) return translate("2nd attempt");
  return attempt === 3 ? translate("3rd attempt") : translate("attempt {0}", formatNumber(attempt));
}

/** Where it is among the stages that were named beforehand; else its stage. @param {Task} task */
export function stageText({ state, stage, stages }) {
  if (!stage || state === "done") return "";
  const at = stages?.findIndex(({ name }) => name === stage) ?? -1;
  if (!stages || at < 0) return stage;
  return translate("{0} of {1}: {2}", formatNumber(at + 1), formatNumber(stages.length), stage);
}

/**
 * What has become of it besides its state.
 *
 * @param {Task} task
 * @param {number | null} [silent] seconds without a word from the worker
 */
export function noteText({ state, done, total, children, cancelled_by: by }, silent = null) {
  switch (state) {
    case "stalled":
      return silent === null || silent < 1
        ? translate("No word from the worker")
        : translate("No word from the worker for {0}", formatDuration(silent));
    case "lost":
      return children
        ? translate("The worker is gone.")
        : total === null || total === undefined
          ? translate("The worker is gone. It had done {0}.", formatNumber(done ?? 0))
          : translate(
              "The worker is gone. It had done {0} of {1}.",
              formatNumber(done ?? 0),
              formatNumber(total),
            );
    case "cancelling":
      if (!by) return "";
      return by === currentUser()
        ? translate("You asked it to stop")
        : translate("{0} asked it to stop", isolate(by));
    case "cancelled":
      if (!by) return "";
      return by === currentUser()
        ? translate("Cancelled by you")
        : translate("Cancelled by {0}", isolate(by));
    default:
      return "";
  }
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
  const stage = task.state === "running" ? stageText(task) : "";
  // That the worker is gone says how much was done.
  const parts =
    task.state === "lost"
      ? [stateText(task.state), noteText(task)]
      : [stateText(task.state), stage, percent, doneText(task)];
  return parts.filter(Boolean).join(", ");
}

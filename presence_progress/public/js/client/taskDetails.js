/**
 * What a task's room is too small for, asked for when somebody wants to see it: messages, traceback.
 */
import { REFUSALS } from "./rooms.js";

/**
 * @typedef {object} TaskDetails
 * @property {string} task_id
 * @property {{ n: number, level: "warning" | "error", row: number | null, message: string }[]} messages
 *   the first and the last 500, with their running number from 0
 * @property {string | null} traceback null also for those who may not read it
 */

/** How long an answer may take. */
const ANSWER_MS = 10_000;

/**
 * Asks once; rejects when it is refused, when the connection is away, and after ten seconds.
 *
 * @param {import("./connection.js").Connection} connection
 * @param {string} taskId
 * @returns {Promise<TaskDetails>}
 */
export function askTaskDetails(connection, taskId) {
  return new Promise((resolve, reject) => {
    const stops = [
      connection.on("task_details", (answer) => {
        if (answer?.task_id !== taskId) return;
        stop();
        const messages = Array.isArray(answer.messages) ? answer.messages : [];
        resolve({ traceback: null, ...answer, messages });
      }),
      connection.on("room_denied", (message) => {
        if (message?.room !== `task:${taskId}`) return;
        if (REFUSALS.has(message.reason) || message.reason === "try again") fail(message.reason);
      }),
    ];
    const timer = setTimeout(() => fail("no answer"), ANSWER_MS);

    function stop() {
      clearTimeout(timer);
      stops.forEach((off) => off());
    }

    /** @param {string} reason */
    function fail(reason) {
      stop();
      reject(new Error(`The details of task ${taskId}: ${reason}`));
    }

    if (!connection.emit("task_details", taskId)) fail("not connected");
  });
}

import { computed, onScopeDispose, ref, toValue, watch } from "vue";
import { getClient } from "../client/index.js";
import { tellSite } from "../client/stock.js";
import { askTaskDetails } from "../client/taskDetails.js";
import { useRoom } from "./useRoom.js";

/**
 * `stalled`: no word from the worker for a while, which may come back; `lost`: it is gone.
 *
 * @typedef {"queued" | "running" | "stalled" | "cancelling"
 *   | "done" | "failed" | "cancelled" | "lost"} TaskState
 */

/**
 * @typedef {object} TaskMessage
 * @property {"warning" | "error"} level
 * @property {number | null} row
 * @property {string} message
 */

/**
 * A task as its room holds it; docs/protocol.md names the fields. Times are milliseconds since 1970.
 *
 * @typedef {object} Task
 * @property {string} title
 * @property {TaskState} state
 * @property {number} attempt
 * @property {string | null} stage
 * @property {{ name: string, weight: number }[] | null} stages
 * @property {number} done
 * @property {number | null} total
 * @property {boolean} total_grown
 * @property {number | null} percent
 * @property {number | null} rate steps a second
 * @property {number | null} eta seconds
 * @property {[number, number] | null} eta_range seconds
 * @property {number} ok
 * @property {number} warnings
 * @property {number} errors
 * @property {TaskMessage[]} messages the first 20
 * @property {TaskMessage[]} last_messages the last 5 that are not among the first
 * @property {string | null} error
 * @property {string | null} result
 * @property {string | null} user
 * @property {string | null} doctype
 * @property {string | null} name
 * @property {string | null} parent
 * @property {{ total: number, done: number, failed: number, left: number } | null} children
 * @property {number | null} queued_at
 * @property {number | null} started_at
 * @property {number | null} ended_at
 * @property {number | null} [heard_at] when the worker was last heard of
 * @property {string | null} [cancelled_by]
 * @property {number | null} [cancelled_at]
 * @property {string | null} [retried_by]
 * @property {boolean} retryable
 * @property {"progress" | "data_import" | "background_task"} [source] of what Frappe itself told
 */

const ENDED = new Set(["done", "failed", "cancelled", "lost"]);

/** @param {string | undefined} state */
export function isEnded(state) {
  return ENDED.has(state ?? "");
}

/**
 * One task, live.
 *
 * @example const { task, cancel, retry, details } = useTask(() => props.taskId);
 * @param {import("vue").MaybeRefOrGetter<string | null | undefined>} taskId
 */
export function useTask(taskId) {
  const { connection, rooms } = getClient();
  const { state, loaded, stale, denied } = useRoom(() => {
    const id = toValue(taskId);
    return id ? `task:${id}` : null;
  });

  /** @type {import("vue").ComputedRef<Task | null>} null while unknown, and when it is gone */
  const task = computed(() => (state.value.state ? /** @type {any} */ (state.value) : null));

  /** @type {import("vue").Ref<"" | "asked" | "refused">} what became of a wish to cancel */
  const cancelling = ref("");
  /** @type {import("vue").Ref<"" | "asked" | "refused">} what became of a wish to start it again */
  const retrying = ref("");

  /**
   * @param {"cancel" | "retry"} what
   * @param {string} event
   * @param {import("vue").Ref<"" | "asked" | "refused">} answer
   */
  function wish(what, event, answer) {
    const id = toValue(taskId) ?? "";
    if (!rooms.stock.isStock) {
      if (connection.emit(event, id)) answer.value = "asked";
      return;
    }
    answer.value = "asked";
    const refuse = () => {
      if (answer.value === "asked") answer.value = "refused";
    };
    // A retry that there is nothing for is answered with its number, 0.
    tellSite(what, { task_id: id }).then((told) => told === 0 && refuse(), refuse);
  }

  /** Asks for the end of the task; while the connection is away it does nothing. */
  function cancel() {
    wish("cancel", "task_cancel", cancelling);
  }

  /** Asks for another attempt of a task that has ended; the same task goes on, with its next number. */
  function retry() {
    wish("retry", "task_retry", retrying);
  }

  /** All messages that are kept, and the traceback; asked for at each call, and rejects on a no. */
  function details() {
    const id = toValue(taskId) ?? "";
    if (rooms.stock.isStock) return tellSite("details", { task_id: id });
    return askTaskDetails(connection, id);
  }

  const stop = connection.on("room_denied", (message) => {
    if (message?.room !== `task:${toValue(taskId)}`) return;
    if (message.reason === "may not cancel") cancelling.value = "refused";
    if (message.reason === "may not retry") retrying.value = "refused";
  });
  // A reconnect may have lost the wish: whoever still has it may ask again.
  const stopConnecting = connection.onConnect(forgetAsked);

  function forgetAsked() {
    for (const wish of [cancelling, retrying]) if (wish.value === "asked") wish.value = "";
  }

  watch([() => toValue(taskId), () => task.value?.state, () => task.value?.attempt], () => {
    cancelling.value = "";
    retrying.value = "";
  });
  onScopeDispose(() => {
    stop();
    stopConnecting();
  });

  return { task, loaded, stale, denied, cancel, cancelling, retry, retrying, details };
}

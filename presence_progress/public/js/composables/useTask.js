import { computed, onScopeDispose, ref, toValue, watch } from "vue";
import { getClient } from "../client/index.js";
import { useRoom } from "./useRoom.js";

/**
 * A task as its room holds it; docs/protocol.md names the fields.
 *
 * @typedef {object} Task
 * @property {string} title
 * @property {string | null} stage
 * @property {"queued" | "running" | "cancelling" | "done" | "failed" | "cancelled"} state
 * @property {number} done
 * @property {number | null} total
 * @property {number | null} percent
 * @property {number | null} rate
 * @property {number | null} eta
 * @property {number} ok
 * @property {number} warnings
 * @property {number} errors
 * @property {{ level: "warning" | "error", row: number | null, message: string }[]} messages
 * @property {string | null} error
 * @property {string} user
 * @property {number | null} queued_at
 * @property {number | null} started_at
 * @property {number | null} ended_at
 * @property {string | null} cancelled_by
 */

const ENDED = new Set(["done", "failed", "cancelled"]);

/** @param {string | undefined} state */
export function isEnded(state) {
  return ENDED.has(state ?? "");
}

/**
 * One task, live.
 *
 * @example const { task, cancel } = useTask(() => props.taskId);
 * @param {import("vue").MaybeRefOrGetter<string | null | undefined>} taskId
 */
export function useTask(taskId) {
  const { connection } = getClient();
  const { state, loaded, stale, denied } = useRoom(() => {
    const id = toValue(taskId);
    return id ? `task:${id}` : null;
  });

  /** @type {import("vue").ComputedRef<Task | null>} null while unknown, and when it is gone */
  const task = computed(() => (state.value.state ? /** @type {any} */ (state.value) : null));

  /** @type {import("vue").Ref<"" | "asked" | "refused">} what became of a wish to cancel */
  const cancelling = ref("");

  /** Asks for the end of the task; while the connection is away it does nothing. */
  function cancel() {
    if (connection.emit("task_cancel", toValue(taskId))) cancelling.value = "asked";
  }

  const stop = connection.on("room_denied", (message) => {
    if (message?.reason !== "may not cancel") return;
    if (message.room === `task:${toValue(taskId)}`) cancelling.value = "refused";
  });
  watch([() => toValue(taskId), () => task.value?.state], () => (cancelling.value = ""));
  onScopeDispose(stop);

  return { task, loaded, stale, denied, cancel, cancelling };
}

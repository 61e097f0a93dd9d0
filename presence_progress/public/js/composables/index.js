export { useConnection } from "./useConnection.js";
export { useCount } from "./useCount.js";
export { usePresence } from "./usePresence.js";
export { useRoom } from "./useRoom.js";
export { isEnded, useTask } from "./useTask.js";
export { useTasks } from "./useTasks.js";
export { useViewers, viewersIn } from "./useViewers.js";

/**
 * Everything, for a front end with a Vue of its own: components, composables, client.
 */
export { default as DocViewers } from "./components/DocViewers.vue";
export { default as LiveCount } from "./components/LiveCount.vue";
export { default as OnlineUsers } from "./components/OnlineUsers.vue";
export { default as PersonAvatar } from "./components/PersonAvatar.vue";
export { default as TaskProgress } from "./components/TaskProgress.vue";
export { default as TaskTray } from "./components/TaskTray.vue";
export { default as ViewerAvatars } from "./components/ViewerAvatars.vue";
export * from "./composables/index.js";
export { createClient, getClient, shareClient } from "./client/index.js";
export { createConnection } from "./client/connection.js";

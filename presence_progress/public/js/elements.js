/**
 * The components as custom elements, for pages that know nothing of Vue.
 */
import { defineCustomElement } from "vue";
import DocViewers from "./components/DocViewers.vue";
import LiveCount from "./components/LiveCount.vue";
import OnlineUsers from "./components/OnlineUsers.vue";
import TaskProgress from "./components/TaskProgress.vue";
import TaskTray from "./components/TaskTray.vue";
import { css } from "./components/styles.js";

const ELEMENTS = {
  "doc-viewers": DocViewers,
  "live-count": LiveCount,
  "online-users": OnlineUsers,
  "task-progress": TaskProgress,
  "task-tray": TaskTray,
};

/** Defines the elements; a second call, by a second copy of this bundle, changes nothing. */
export function registerElements() {
  for (const [tag, component] of Object.entries(ELEMENTS)) {
    if (customElements.get(tag)) continue;
    const options = /** @type {any} */ ({ .../** @type {any} */ (component), styles: [css] });
    customElements.define(tag, defineCustomElement(options));
  }
}

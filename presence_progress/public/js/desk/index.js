/**
 * Presence and tasks in Desk. Loaded after Frappe's own bundles and before Desk starts, so that its
 * classes exist and none of its forms and lists do.
 */
import { watch } from "vue";
import { currentUser } from "../client/user.js";
import { replaceViewers } from "./forms.js";
import { followLists } from "./lists.js";
import { adoptDeskStyles } from "./looks.js";
import { desk, safely } from "./page.js";
import { createProgressSwitch } from "./progress.js";
import { deskClient } from "./realtime.js";
import { setting } from "./settings.js";
import { startTray } from "./tray.js";

export function startDesk() {
  const { $ } = /** @type {any} */ (window);
  // Another page of Frappe's that loads Desk's scripts, such as a printed one.
  if (!$ || !desk()?.ui?.form?.FormViewers) return;
  adoptDeskStyles();
  safely(replaceViewers);
  /** @type {ReturnType<typeof followLists> | undefined} */
  let lists;
  safely(() => (lists = followLists()));

  $(document).one("app_ready", () => {
    const client = deskClient();
    safely(() => lists?.start());
    safely(() => startTray(client));
    safely(() => sendProgressToTray(client));
  });
}

/** @param {import("./realtime.js").DeskClient} desk */
function sendProgressToTray({ client, server }) {
  /** @type {Set<string>} */
  let titles = new Set();
  client.rooms.watch(`tasks:${currentUser()}`, ({ state }) => {
    titles = new Set(Object.values(state).map((line) => line?.title));
  });
  const progress = createProgressSwitch(desk().realtime?.socket, (title) => titles.has(title));
  watch(server, (kind) => progress.set(kind === "ours" && setting("progress_in_tray")), {
    immediate: true,
  });
}

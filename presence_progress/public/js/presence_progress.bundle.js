/**
 * Every element in one file, with Vue and socket.io, for a page that has nothing of Frappe's.
 *
 * Frappe's own web pages load pieces instead, and only those that they show.
 */
import "./shared/provideVue.js";
import "./shared/provideSocket.js";
import "./presence_progress_counts.bundle.js";
import "./presence_progress_presence.bundle.js";
import "./presence_progress_task.bundle.js";
import "./presence_progress_tray.bundle.js";
import { prepareRealtime } from "./web/realtime.js";

prepareRealtime();

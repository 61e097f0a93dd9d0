/** `<task-tray>`, on a page that has presence_progress_vue. */
import TaskTray from "./components/TaskTray.vue";
import { stylesOf, taskStyles, trayStyles } from "./components/styles.js";
import { registerElement } from "./elements.js";

registerElement("task-tray", TaskTray, stylesOf(taskStyles, trayStyles));

/** `<task-progress>`, on a page that has presence_progress_vue. */
import TaskProgress from "./components/TaskProgress.vue";
import { progressStyles, stylesOf, taskHeadStyles, taskStyles } from "./components/styles.js";
import { registerElement } from "./elements.js";

registerElement(
  "task-progress",
  TaskProgress,
  stylesOf(taskHeadStyles, taskStyles, progressStyles),
);

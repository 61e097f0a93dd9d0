/** `<live-count>`, on a page that has presence_progress_vue. */
import LiveCount from "./components/LiveCount.vue";
import { countStyles, stylesOf } from "./components/styles.js";
import { registerElement } from "./elements.js";

registerElement("live-count", LiveCount, stylesOf(countStyles));

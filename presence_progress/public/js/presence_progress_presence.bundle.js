/** `<doc-viewers>` and `<online-users>`, on a page that has presence_progress_vue. */
import DocViewers from "./components/DocViewers.vue";
import OnlineUsers from "./components/OnlineUsers.vue";
import { presenceStyles, stylesOf } from "./components/styles.js";
import { registerElement } from "./elements.js";

const styles = stylesOf(presenceStyles);
registerElement("doc-viewers", DocViewers, styles);
registerElement("online-users", OnlineUsers, styles);

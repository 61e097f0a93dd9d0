/**
 * What the gallery shows: each component, in each state that it can be in.
 *
 * A specimen's `props` go to the component, its `backing` is what its stand-in for a server holds,
 * and `live` makes it move, for as long as the gallery does.
 */
import ContestNote from "../../../public/js/components/ContestNote.vue";
import DocViewers from "../../../public/js/components/DocViewers.vue";
import LiveCount from "../../../public/js/components/LiveCount.vue";
import OnlineUsers from "../../../public/js/components/OnlineUsers.vue";
import TaskProgress from "../../../public/js/components/TaskProgress.vue";
import TaskTray from "../../../public/js/components/TaskTray.vue";
import ViewerAvatars from "../../../public/js/components/ViewerAvatars.vue";
import AvatarRow from "./AvatarRow.vue";
import { ADA, crowd, person, presence } from "./people.js";
import { ISSUES, lines, LONG, minutes, task, TRACEBACK } from "./tasks.js";

/** @typedef {ReturnType<typeof import("./fakeClient.js").createFakeClient>} Fake */
/**
 * @typedef {object} Specimen
 * @property {string} name
 * @property {Record<string, any>} [props]
 * @property {import("./fakeClient.js").Backing} [backing]
 * @property {(fake: Fake) => void} [live] called four times a second
 */
/** @typedef {{ id: string, tag: string, about: string, component: any, wide?: boolean, specimens: Specimen[] }} Section */

/** @param {string} name @param {number} value @param {any} [more] @returns {Specimen} */
const count = (name, value, more = {}) => ({
  name,
  props: { scope: "gallery", name: "count", ...more.props },
  backing: { rooms: { "count:gallery/count": { value } }, ...more.backing },
  live: more.live,
});

/** @type {Section} */
const counts = {
  id: "live-count",
  tag: "LiveCount",
  about: "A number that follows the truth.",
  component: LiveCount,
  specimens: [
    { name: "loading", props: { scope: "gallery", name: "count" }, backing: { silent: true } },
    count("none", 0),
    count("one", 1),
    count("many", 28_298, {
      live: (/** @type {Fake} */ { rooms, change }) => {
        const { value } = rooms["count:gallery/count"];
        change("count:gallery/count", { value: value + Math.ceil(Math.random() * 40) });
      },
    }),
    count("a fraction", 1234.5),
    count("less than nothing", -1_250_000),
    count("offline", 28_298, { backing: { offline: true } }),
    {
      name: "not permitted",
      props: { scope: "gallery", name: "count" },
      backing: { denied: { "count:gallery/count": "not permitted" } },
    },
    { name: "filters that are no JSON", props: { doctype: "Airport", filters: "{country}" } },
    {
      name: "filters that Frappe refuses",
      props: { doctype: "Airport", filters: '{"x":1}' },
      backing: { denied: { 'query:Airport/{"x":1}': "bad filters" } },
    },
  ],
};

const ROOM = "presence:Airport/KJFK";

/** @param {string} name @param {Record<string, any>} state @param {any} [more] @returns {Specimen} */
const viewers = (name, state, more = {}) => ({
  name,
  props: { doctype: "Airport", name: "KJFK", ...more.props },
  backing: { rooms: { [ROOM]: state }, ...more.backing },
  live: more.live,
});

/** @type {Section} */
const documents = {
  id: "doc-viewers",
  tag: "DocViewers",
  about: "Who has a document open, what they do, and who was here a moment ago.",
  component: DocViewers,
  specimens: [
    viewers("nobody", {}),
    viewers("one, who is you", presence([ADA])),
    viewers("viewing, editing, idle", presence(crowd(3, ["viewing", "editing", "idle"]))),
    viewers("editing a field", presence([ADA, person(2, "editing", "Latitude")])),
    viewers("two edit at once", presence([person(1, "editing"), { ...ADA, activity: "editing" }])),
    viewers("many", presence(crowd(14))),
    viewers("thousands", presence(crowd(30), { count: 12_480 })),
    viewers("some have left", presence([ADA], { left: [person(4), person(5), person(6)] })),
    viewers("all have left", presence([], { left: [person(2)] })),
    viewers("long names", presence([person("long"), person("longer", "editing"), ADA])),
    viewers("right to left", presence([person("arabic", "editing"), person("hebrew"), ADA])),
    viewers("pictures, one of them broken", presence([person("picture"), person("broken")])),
    viewers("compact", presence(crowd(7, ["editing", "editing", "viewing", "idle"])), {
      props: { compact: true },
    }),
    viewers("offline", presence(crowd(3)), { backing: { offline: true } }),
  ],
};

/** @type {Section} */
const faces = {
  id: "viewer-avatars",
  tag: "ViewerAvatars",
  about: "The faces alone, given their viewers.",
  component: ViewerAvatars,
  specimens: [
    { name: "none", props: { viewers: [] } },
    { name: "one", props: { viewers: crowd(1) } },
    { name: "five", props: { viewers: crowd(5) } },
    { name: "twelve, three shown", props: { viewers: crowd(12), max: 3 } },
    { name: "compact", props: { viewers: crowd(5), compact: true } },
    {
      name: "with words of one's own",
      props: { viewers: crowd(2), describe: () => "signed this document" },
    },
  ],
};

/** @type {Section} */
const avatars = {
  id: "person-avatar",
  tag: "PersonAvatar",
  about: "One face; its name and activity are in its tip.",
  component: AvatarRow,
  specimens: [
    { name: "viewing", props: { person: person(1), activity: "viewing", detail: "viewing" } },
    { name: "editing", props: { person: person(2), activity: "editing", detail: "editing" } },
    { name: "idle", props: { person: person(3), activity: "idle", detail: "idle" } },
    { name: "left", props: { person: person(4), detail: "was here a moment ago" } },
    { name: "a picture", props: { person: person("picture"), activity: "viewing" } },
    { name: "a picture that is gone", props: { person: person("broken"), activity: "viewing" } },
    { name: "no name, an address", props: { person: person("address"), activity: "viewing" } },
    { name: "beyond the basic plane", props: { person: person("rare"), activity: "viewing" } },
  ],
};

const others = crowd(4, ["editing"]);
/** @type {Section} */
const contests = {
  id: "contest-note",
  tag: "ContestNote",
  about: "A warning that several people edit the same document.",
  component: ContestNote,
  specimens: [
    { name: "nobody, or one", props: { editors: [ADA] } },
    { name: "you and another", props: { editors: [ADA, others[0]] } },
    { name: "you and two", props: { editors: [ADA, ...others.slice(0, 2)] } },
    { name: "you and many", props: { editors: [ADA, ...others] } },
    { name: "two others", props: { editors: others.slice(0, 2) } },
    { name: "a long name", props: { editors: [ADA, person("long", "editing")] } },
    { name: "right to left", props: { editors: [ADA, person("arabic", "editing")] } },
    { name: "compact", props: { editors: [ADA, others[0]], compact: true } },
  ],
};

/** @param {string} name @param {Record<string, any>} state @param {any} [more] @returns {Specimen} */
const online = (name, state, more = {}) => ({
  name,
  props: more.props,
  backing: { rooms: { online: state, "online:count": state }, ...more.backing },
});

/** @type {Section} */
const site = {
  id: "online-users",
  tag: "OnlineUsers",
  about: "Who is on the site, and a switch to be there unseen.",
  component: OnlineUsers,
  specimens: [
    { name: "loading, or not permitted", backing: { denied: { online: "not permitted" } } },
    online("only you", presence([ADA])),
    online("some", presence(crowd(4, ["viewing", "viewing", "idle"]))),
    online("thousands", presence(crowd(30), { count: 4_812 })),
    online("invisible", presence(crowd(3)), { backing: { invisible: true } }),
    online("how many, and not who", presence([], { count: 4_812 }), { props: { countOnly: true } }),
    online("offline", presence(crowd(3)), { backing: { offline: true } }),
  ],
};

/** @param {string} name @param {Record<string, any> | null} state @param {any} [more] @returns {Specimen} */
const progress = (name, state, more = {}) => ({
  name,
  props: { taskId: "t", ...more.props },
  backing: { rooms: state ? { "task:t": state } : {}, details: ISSUES, ...more.backing },
  live: more.live,
});

/** @param {Fake} fake */
function step({ rooms, change }) {
  const { done, total, rate } = rooms["task:t"];
  const now = done >= total ? 0 : Math.min(total, done + Math.round(rate / 4));
  change("task:t", {
    done: now,
    percent: Math.floor((100 * now) / total),
    eta: Math.round((total - now) / rate),
  });
}

/** @type {Section} */
const tasks = {
  id: "task-progress",
  tag: "TaskProgress",
  about: "How far a task is, and what came of it.",
  component: TaskProgress,
  wide: true,
  specimens: [
    progress("loading", null, { backing: { silent: true } }),
    progress("waiting", task({ state: "queued", done: 0, percent: 0, started_at: null })),
    progress("running", task({}), { live: step }),
    progress("running, total unknown", task({ total: null, percent: null, eta: null })),
    progress(
      "running, an estimate that is wide",
      task({ eta: 260, eta_range: [180, 330], stage: "Reading rows" }),
    ),
    progress("running, the total has grown", task({ total: 41_000, total_grown: true })),
    progress(
      "running, in stages",
      task({
        stage: "Importing",
        stages: [
          { name: "Reading", weight: 1 },
          { name: "Importing", weight: 7 },
          { name: "Checking", weight: 2 },
        ],
      }),
    ),
    progress("running, with remarks", task({ ...ISSUES.counts, attempt: 2 })),
    progress(
      "many at once, as children",
      task({ children: { total: 12, done: 7, failed: 1, left: 4 }, percent: 66, rate: null }),
    ),
    progress("stalled", task({ state: "stalled", rate: null, heard_at: minutes(-1) })),
    progress("being cancelled", task({ state: "cancelling", cancelled_by: "grace@example.com" })),
    progress(
      "done",
      task({
        state: "done",
        done: 28_298,
        percent: 100,
        ended_at: minutes(-1),
        result: "/files/1",
      }),
    ),
    progress(
      "failed",
      task({
        state: "failed",
        ended_at: minutes(-2),
        error: "Airport KJFK: latitude must be a number between -90 and 90, not “north”.",
        retryable: true,
        ...ISSUES.counts,
      }),
      { backing: { details: { ...ISSUES, traceback: TRACEBACK } } },
    ),
    progress(
      "cancelled",
      task({ state: "cancelled", ended_at: minutes(-2), cancelled_by: ADA.user, retryable: true }),
    ),
    progress("lost", task({ state: "lost", ended_at: minutes(-3), retryable: true })),
    progress("offline", task({}), { backing: { offline: true } }),
    progress("somebody else's", task({ user: "grace@example.com" })),
    progress("may not be cancelled, it turns out", task({}), {
      backing: { refuses: ["task_cancel"] },
    }),
    progress(
      "long names",
      task({
        title: LONG,
        stage: LONG,
        state: "failed",
        ended_at: minutes(-1),
        error: `No such file: ${"/private/files/imports".repeat(6)}`,
        retryable: true,
      }),
    ),
    progress("right to left", task({ title: "استيراد المطارات", stage: "قراءة الصفوف" })),
    progress("not permitted", null, { backing: { denied: { "task:t": "not permitted" } } }),
    progress("no longer known", null),
    progress("no task named", null, { props: { taskId: "" } }),
  ],
};

/** @param {string} name @param {ReturnType<typeof lines>} backing @param {any} [more] @returns {Specimen} */
const tray = (name, backing, more = {}) => ({
  name,
  props: { historyUrl: "", ...more.props },
  backing: { ...backing, ...more.backing },
});

/** @type {Section} */
const trays = {
  id: "task-tray",
  tag: "TaskTray",
  about: "A user's tasks behind one button. Press them: rows, ends that are new, history.",
  component: TaskTray,
  specimens: [
    tray("empty", lines([])),
    tray("one runs", lines(["running"])),
    tray("many run", lines([...Array(14).fill("running"), "queued"])),
    tray("ended, unread", lines(["done", "done"], { unread: true })),
    tray("one has failed, unread", lines(["failed", "done"], { unread: true })),
    tray("running, and unread", lines(["running", "stalled", "failed", "done"], { unread: true })),
    tray(
      "every state",
      lines([
        ...["running", "queued", "stalled", "cancelling"],
        ...["done", "failed", "cancelled", "lost"],
      ]),
    ),
    tray("long names, right to left", lines(["running", "failed"], { long: true })),
    tray("with a history", lines(["done"]), { props: { historyUrl: historyUrl() } }),
    tray("offline", lines(["running", "done"]), { backing: { offline: true } }),
  ],
};

/** A page of history, in an address of its own: the query that is added to it lies after the "#". */
function historyUrl() {
  const message = ["done", "failed", "cancelled"].map((state, index) => ({
    ...task({ state, ended_at: minutes(-60 * 30 * (index + 1)) }),
    name: `old-${index}`,
    title: `Import of ${2021 - index}`,
  }));
  return `data:application/json,${encodeURIComponent(JSON.stringify({ message }))}#`;
}

/** @type {Section[]} */
export const SECTIONS = [tasks, trays, documents, contests, site, faces, avatars, counts];

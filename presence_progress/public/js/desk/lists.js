/**
 * Who is in which document, in the rows of the list on screen, and in no others.
 */
import { createApp, shallowReactive } from "vue";
import ListPresence from "./ListPresence.vue";
import { after, desk, isShown, onMove } from "./page.js";
import { readRows } from "./rows.js";

/**
 * What is on screen, told to the Vue component; reactive.
 *
 * @typedef {object} ListState
 * @property {string} doctype empty while there is no list
 * @property {Map<string, Element>} places of rows on screen: name → where its viewers go
 */

/** A row just out of sight is asked about already. */
const MARGIN = "200px 0px";

/** Follows every list of Desk's from now on; `start` draws, once Desk is ready. */
export function followLists() {
  /** @type {ListState} */
  const state = shallowReactive({ doctype: "", places: new Map() });
  /** @type {IntersectionObserver | undefined} */
  let observer;
  /** @type {ReturnType<typeof readRows>} */
  let rows = new Map();
  let isStarted = false;

  function look() {
    if (!isStarted) return;
    const { cur_list: list } = /** @type {any} */ (window);
    const element = list?.$result?.[0];
    const doctype = isShown(element) ? list.doctype : "";
    const found = readRows(doctype ? element : null);
    if (doctype === state.doctype && isSame(found)) return;
    rows = found;
    observer?.disconnect();
    state.places = new Map();
    state.doctype = found.size ? doctype : "";
    observe();
  }

  /** @param {ReturnType<typeof readRows>} found */
  function isSame(found) {
    const same = [...found].every(([name, { row }]) => rows.get(name)?.row === row);
    return same && found.size === rows.size;
  }

  function observe() {
    const named = new Map([...rows].map(([name, { row }]) => [row, name]));
    const visible = new Set();
    observer = new IntersectionObserver(
      (entries) => {
        for (const { target, isIntersecting } of entries) {
          if (isIntersecting) visible.add(named.get(target));
          else visible.delete(named.get(target));
        }
        const shown = [...rows].filter(([name]) => visible.has(name));
        state.places = new Map(shown.map(([name, { subject }]) => [name, subject]));
      },
      { rootMargin: MARGIN },
    );
    for (const { row } of rows.values()) observer.observe(row);
  }

  const lookSoon = onMove(look);
  const { ListView, BaseList } = desk().views ?? {};
  // A list draws its rows anew at a change that it hears of; a filter asks for a refresh, which may
  // find other views without rows.
  after(ListView?.prototype, "render_list", lookSoon);
  after(BaseList?.prototype, "refresh", (_, result) => {
    Promise.resolve(result).then(lookSoon, () => {});
  });

  return {
    start() {
      isStarted = true;
      createApp(ListPresence, { list: state }).mount(document.createElement("div"));
      lookSoon();
    },
  };
}

/**
 * Puts the task tray where Desk has a place for it, and keeps it there.
 */
import { createApp } from "vue";
import { translate } from "../client/translate.js";
import { findAnchor, NO_SIDEBAR } from "./anchors.js";
import DeskTray from "./DeskTray.vue";
import { desk, onMove, safely } from "./page.js";

/** Desk makes its navbar, or its sidebar, within that; after it the tray floats over the page. */
const FLOAT_AFTER_MS = 6_000;

/** @param {import("./realtime.js").DeskClient} client */
export function startTray({ server }) {
  const root = document.createElement("div");
  createApp(DeskTray, { server }).mount(root);
  const tray = holdTray(root);
  const observer = new MutationObserver(() => safely(tray.place));

  // A look at every change of the page would cost; once it has its place, a look at each move does.
  if (!tray.place()) observer.observe(document.body, { childList: true, subtree: true });
  setTimeout(() => {
    observer.disconnect();
    safely(() => tray.place({ float: true }));
  }, FLOAT_AFTER_MS);
  const lookSoon = onMove(() => tray.place({ float: true }));
  window.matchMedia?.(NO_SIDEBAR).addEventListener("change", lookSoon);
}

/**
 * @param {HTMLElement} root
 * @param {Document} [page]
 */
export function holdTray(root, page = document) {
  /** @type {HTMLElement | undefined} */
  let holder;

  /** @param {string} kind */
  function hold(kind) {
    if (holder?.dataset.place === kind) return holder;
    holder?.remove();
    // In the navbar it is an item of a list.
    holder = page.createElement(kind === "navbar" ? "li" : "div");
    holder.className = `pp-desk-tray${kind === "navbar" ? " nav-item" : ""}`;
    holder.dataset.place = kind;
    // Everything in the sidebar has a word beside its sign.
    holder.style.setProperty("--pp-tray-label", JSON.stringify(translate("Tasks")));
    holder.append(root);
    return holder;
  }

  return {
    /** @param {{ float?: boolean }} [options] @returns {boolean} whether it has a place of Desk's */
    place({ float = false } = {}) {
      const anchor = findAnchor(page);
      if (anchor) {
        const held = hold(anchor.kind);
        if (held.parentElement !== anchor.parent) anchor.parent.insertBefore(held, anchor.before);
      } else if (float && desk().get_route?.()[0] !== "setup-wizard") {
        const held = hold("floating");
        if (!held.isConnected) page.body.append(held);
      }
      return Boolean(anchor);
    },
  };
}

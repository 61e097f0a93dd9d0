/**
 * Where in Desk the task tray stands: the navbar up to early v16, the sidebar after that.
 */

/** @typedef {{ kind: "navbar" | "sidebar", parent: Element, before: Element | null }} Anchor */

/** There Desk's sidebar is hidden, and what opens in it is cut off. */
export const NO_SIDEBAR = "(max-width: 767px)";

/** @param {ParentNode} page @returns {Anchor | null} null while Desk has neither */
export function findAnchor(page) {
  const bell = page.querySelector("header.navbar li.dropdown-notifications");
  if (bell?.parentElement) return { kind: "navbar", parent: bell.parentElement, before: bell };
  if (window.matchMedia?.(NO_SIDEBAR).matches) return null;
  const sidebar = page.querySelector(".body-sidebar .standard-items-sections");
  return sidebar ? { kind: "sidebar", parent: sidebar, before: null } : null;
}

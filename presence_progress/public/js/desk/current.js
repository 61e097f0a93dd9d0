/**
 * Which document a form shows, if it shows one that is there for others, too.
 *
 * Desk's own events do not tell: going from one document to the next of the same DocType says nothing
 * of the first, and a form that is hidden names the document it has, which it may not have shown. So
 * the form itself is looked at after each of them.
 */
import { isShown } from "./page.js";

/** @typedef {{ doctype: string, name: string }} OpenDocument */

/**
 * @param {any} form Frappe's
 * @param {(element: Element) => boolean} [shown]
 * @returns {OpenDocument | null} null for a form out of sight, and for a document never saved
 */
export function documentOf(form, shown = isShown) {
  const { doc, doctype, meta } = form ?? {};
  if (!doc || doc.__islocal || meta?.istable) return null;
  if (doc.name === undefined || doc.name === null || doc.name === "") return null;
  return shown(form.wrapper) ? { doctype, name: String(doc.name) } : null;
}

/**
 * What the site has set for Desk; it comes with the page, in Frappe's boot.
 */
import { desk } from "./page.js";

const DEFAULTS = {
  /** Whether progress of Frappe's own goes into the tray, instead of a dialog over the page. */
  progress_in_tray: true,
};

/** @param {keyof typeof DEFAULTS} name @returns {boolean} */
export function setting(name) {
  const value = desk().boot?.presence_progress?.[name];
  // Frappe's checkboxes are numbers.
  return value === undefined || value === null ? DEFAULTS[name] : Boolean(Number(value));
}

/** The user that this page is for, as Frappe's pages know it; none where the page does not say. */

/** @returns {string | undefined} */
export function currentUser() {
  return /** @type {any} */ (window).frappe?.session?.user;
}

/**
 * The rows of a list view, by the exact names of their documents.
 *
 * Never by their position: in later versions of Frappe the first row is a header.
 */

/**
 * @param {ParentNode | null | undefined} list
 * @returns {Map<string, { row: Element, subject: Element }>}
 */
export function readRows(list) {
  const rows = new Map();
  for (const row of list?.querySelectorAll(".list-row-container") ?? []) {
    const named = row.querySelector("a[data-name][data-doctype], .list-row-checkbox[data-name]");
    const name = named?.getAttribute("data-name");
    const subject = row.querySelector(".list-subject");
    if (name && subject) rows.set(name, { row, subject });
  }
  return rows;
}

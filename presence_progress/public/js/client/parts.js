/**
 * Parts of the page's client that come with who uses them: a page that shows a count loads nothing of
 * presence.
 */

// On the window, not in this module: what one bundle brings, the client of another has, too.
const PARTS = Symbol.for("presence_progress.parts");

/** What every client on this page inherits. @returns {object} */
export function clientParts() {
  const page = /** @type {any} */ (window);
  page[PARTS] ??= {};
  return page[PARTS];
}

/**
 * @template {keyof import("./index.js").Client} Name
 * @param {Name} name
 * @param {(client: import("./index.js").Client) => import("./index.js").Client[Name]} make called once
 *   for a client, when the part is first asked for
 */
export function addClientPart(name, make) {
  const parts = clientParts();
  if (name in parts) return;
  Object.defineProperty(parts, name, {
    /** @this {import("./index.js").Client} */
    get() {
      const value = make(this);
      Object.defineProperty(this, name, { value });
      return value;
    },
  });
}

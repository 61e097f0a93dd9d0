/**
 * Whose strings these are. "Done" of a task is another word, in some languages, than that of a ToDo:
 * so ours override nobody's, and where we have none, Frappe's own is taken.
 */
const CONTEXT = "presence_progress";

/**
 * Every string that people read goes through here: Frappe's `__` where the page has it.
 *
 * The text is written out in each call, so that translations/ can be held against the code.
 *
 * @param {string} text with `{0}`, `{1}`, … for the values
 * @param {...(string | number)} values
 * @returns {string}
 */
export function translate(text, ...values) {
  const { __ } = /** @type {any} */ (window);
  if (typeof __ === "function") return __(text, values, CONTEXT);
  return text.replace(/\{(\d+)\}/g, (_, index) => String(values[Number(index)] ?? ""));
}

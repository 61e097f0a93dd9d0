/**
 * Every string that people read goes through here: Frappe's `__` where the page has it.
 *
 * @param {string} text with `{0}`, `{1}`, … for the values
 * @param {...(string | number)} values
 * @returns {string}
 */
export function translate(text, ...values) {
  const { __ } = /** @type {any} */ (window);
  if (typeof __ === "function") return __(text, values);
  return text.replace(/\{(\d+)\}/g, (_, index) => String(values[Number(index)] ?? ""));
}

/**
 * Names in sentences that may be read in the other direction.
 */

/** Letters of the scripts that are read from right to left. */
const RIGHT_TO_LEFT =
  /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;

/**
 * Keeps a name from turning the sentence around that it stands in: what is first in a sentence gives
 * it its direction, unless it is set apart.
 *
 * @param {string} name
 */
export function isolate(name) {
  const isPlain = !RIGHT_TO_LEFT.test(name) && document.documentElement.dir !== "rtl";
  return isPlain ? name : `\u2068${name}\u2069`;
}

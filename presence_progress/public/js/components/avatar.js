/**
 * How a person looks without a picture: initials, on a colour that is the same everywhere.
 */
import { translate } from "../client/translate.js";

/** Hues that tell people apart; between them the eye sees little difference. */
const HUES = [4, 26, 44, 92, 150, 178, 205, 232, 266, 300, 335];

/** @param {string} name */
export function initials(name) {
  const words = name.split(/[\s@._-]+/u).filter(Boolean);
  const letters = words.length > 1 ? [words[0], words[words.length - 1]] : words;
  // By code point: a letter may be more than one UTF-16 unit.
  return letters.map((word) => [...word][0].toLocaleUpperCase()).join("") || "?";
}

/** @param {string} user */
export function hue(user) {
  let hash = 0;
  for (const letter of user)
    hash = (hash * 31 + /** @type {number} */ (letter.codePointAt(0))) >>> 0;
  return HUES[hash % HUES.length];
}

/**
 * @param {import("../composables/useViewers.js").Viewer} viewer
 * @param {(field: string) => string} [fieldLabel]
 */
export function activityText({ activity, focus }, fieldLabel = (field) => field) {
  if (activity === "editing") {
    return focus ? translate("editing {0}", fieldLabel(focus)) : translate("editing");
  }
  return activity === "idle" ? translate("idle") : translate("viewing");
}

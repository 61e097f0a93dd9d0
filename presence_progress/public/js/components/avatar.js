/**
 * How a person looks without a picture: initials, on a colour that is the same everywhere; and what
 * is said of people.
 */
import { isolate } from "../client/bidi.js";
import { formatNumber } from "../client/numbers.js";
import { translate } from "../client/translate.js";
import { currentUser } from "../client/user.js";

/** @typedef {import("../client/viewers.js").Viewer} Viewer */

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

/** @param {{ user: string, name?: string }} person */
export function nameOf({ user, name }) {
  return user === currentUser() ? translate("{0} (you)", isolate(name || user)) : name || user;
}

/**
 * @param {Viewer} viewer
 * @param {(field: string) => string} [fieldLabel] what people call a field
 */
export function activityText({ activity, focus }, fieldLabel = (field) => field) {
  const word = translate(
    activity === "idle" ? "idle" : activity === "editing" ? "editing" : "viewing",
  );
  return focus ? translate("{0} · {1}", word, fieldLabel(focus)) : word;
}

/**
 * @param {import("../client/viewers.js").Left} left
 * @param {number} now milliseconds since 1970
 */
export function leftText({ last_seen: lastSeen }, now) {
  // By the server's clock and this one's, which may differ; it is two minutes at most.
  const seconds = Math.min(Math.max(now - lastSeen, 0) / 1000, 120);
  if (seconds < 45) return translate("was here a moment ago");
  return seconds < 90
    ? translate("was here a minute ago")
    : translate("was here {0} minutes ago", formatNumber(2));
}

/**
 * A warning that several people edit the same at once.
 *
 * @param {Viewer[]} editors
 * @returns {string} empty unless there are two
 */
export function contestText(editors) {
  if (editors.length < 2) return "";
  const others = editors.filter(({ user }) => user !== currentUser());
  const [one, two] = others.map(({ user, name }) => isolate(name || user));
  const more = formatNumber(others.length - 1);
  const mine = others.length < editors.length;
  if (others.length === 1) return translate("{0} is editing this too", one);
  if (mine) {
    return others.length === 2
      ? translate("{0} and {1} are editing this too", one, two)
      : translate("{0} and {1} others are editing this too", one, more);
  }
  return others.length === 2
    ? translate("{0} and {1} are editing this at the same time", one, two)
    : translate("{0} and {1} others are editing this at the same time", one, more);
}

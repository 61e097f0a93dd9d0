/**
 * Numbers and times as people read them, in the page's language.
 */
import { translate } from "./translate.js";

/** @type {Map<string, Intl.NumberFormat>} */
const formats = new Map();

/** @param {number} value @param {Intl.NumberFormatOptions} [options] */
export function formatNumber(value, options = {}) {
  const language = document.documentElement.lang;
  const key = language + JSON.stringify(options);
  let format = formats.get(key);
  if (!format) {
    try {
      format = new Intl.NumberFormat(language || undefined, options);
    } catch {
      // A page may name a language that the browser does not know.
      format = new Intl.NumberFormat(undefined, options);
    }
    formats.set(key, format);
  }
  return format.format(value);
}

/** @param {number} perSecond */
export function formatRate(perSecond) {
  const maximumFractionDigits = perSecond < 10 ? 1 : 0;
  return translate("{0}/s", formatNumber(perSecond, { maximumFractionDigits }));
}

/** A time span in its two largest units. @param {number} seconds */
export function formatDuration(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return translate("{0} s", whole);
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return translate("{0} min {1} s", minutes, whole % 60);
  return translate("{0} h {1} min", Math.floor(minutes / 60), minutes % 60);
}

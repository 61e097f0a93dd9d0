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
  if (whole < 60) return translate("{0} s", formatNumber(whole));
  const minutes = Math.floor(whole / 60);
  if (minutes < 60)
    return translate("{0} min {1} s", formatNumber(minutes), formatNumber(whole % 60));
  const hours = Math.floor(minutes / 60);
  return translate("{0} h {1} min", formatNumber(hours), formatNumber(minutes % 60));
}

/** A time span in its largest unit. @param {number} seconds */
function formatRough(seconds) {
  if (seconds < 60) return translate("{0} s", formatNumber(Math.round(seconds)));
  if (seconds < 3600) return translate("{0} min", formatNumber(Math.round(seconds / 60)));
  return translate("{0} h", formatNumber(Math.round(seconds / 3600)));
}

/**
 * A time span that is known roughly: "3–5 min".
 *
 * @param {number} low seconds
 * @param {number} high seconds
 * @returns {string} empty when both read the same
 */
export function formatSpan(low, high) {
  const unit = high < 60 ? 1 : high < 3600 ? 60 : 3600;
  const [from, to] = [low, high].map((seconds) => Math.round(seconds / unit));
  if (from >= to) return "";
  // Of minutes, or hours, nought says too little.
  if (from === 0) return translate("{0} – {1}", formatRough(low), formatRough(high));
  const ends = [formatNumber(from), formatNumber(to)];
  if (unit === 1) return translate("{0}–{1} s", ...ends);
  return unit === 60 ? translate("{0}–{1} min", ...ends) : translate("{0}–{1} h", ...ends);
}

const UNITS = /** @type {const} */ ([
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
]);
const DAYS_TOLD = 7;

/** How long ago something was; a date when it was long ago. @param {number} then @param {number} now */
export function formatAgo(then, now) {
  const seconds = Math.max(0, now - then) / 1000;
  const [unit, length] = UNITS.find(([, size]) => seconds >= size) ?? ["minute", 60];
  if (seconds < 60) return translate("just now");
  const language = languageOf();
  if (unit === "day" && seconds >= DAYS_TOLD * length)
    return new Intl.DateTimeFormat(language, { dateStyle: "medium" }).format(then);
  const format = new Intl.RelativeTimeFormat(language, { style: "short" });
  return format.format(-Math.floor(seconds / length), unit);
}

/** The page's language, if the browser knows it. */
function languageOf() {
  try {
    return Intl.getCanonicalLocales(document.documentElement.lang)[0];
  } catch {
    return undefined;
  }
}

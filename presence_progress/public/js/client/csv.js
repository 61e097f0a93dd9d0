/**
 * A CSV file made in the browser (RFC 4180), safe to open in a spreadsheet.
 */

/** What a spreadsheet takes for a formula: the text of a message may come from anybody's upload. */
const FORMULA = /^[=+\-@\t\r\n＝＋－＠]/u;

/** @param {string | number | null | undefined} value */
function cell(value) {
  if (typeof value === "number") return String(value);
  const text = String(value ?? "");
  const safe = FORMULA.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/**
 * @param {string[]} header
 * @param {(string | number | null | undefined)[][]} rows
 */
export function csvText(header, rows) {
  return [header, ...rows].map((row) => `${row.map(cell).join(",")}\r\n`).join("");
}

/** Gives the person a file. @param {string} name @param {string} text */
export function downloadCsv(name, text) {
  // The mark at the front tells Excel that this is UTF-8.
  const url = URL.createObjectURL(new Blob(["\uFEFF", text], { type: "text/csv;charset=utf-8" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  // Not at once: the browser reads it after this.
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** A name that every file system takes. @param {string} title */
export function fileName(title) {
  const plain = title.replace(/[^\p{L}\p{N}]+/gu, "-").slice(0, 80);
  return `${plain.replace(/^-+|-+$/g, "") || "messages"}.csv`;
}

/**
 * The languages that are shipped, held against the code: each string has its translation, and no
 * translation is of a string that is gone.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { callsOf, readCsv } from "./strings.js";

const PACKAGE = join(import.meta.dirname, "../../presence_progress");
/** As client/translate.js says it. */
const CONTEXT = "presence_progress";

/** @param {string} folder @param {RegExp} ending */
function filesIn(folder, ending) {
  return readdirSync(join(PACKAGE, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => ending.test(name) && !/(^|\/)(static|node_modules|__pycache__)\//.test(name))
    .map((name) => ({
      path: name,
      text: readFileSync(join(PACKAGE, folder, name), "utf8"),
    }));
}

const calls = filesIn("public/js/", /\.(js|vue)$/).flatMap(({ path, text }) => callsOf(path, text));

/** What Python says to people: neighbouring literals are one. */
const python = filesIn("", /\.py$/).flatMap(({ text }) =>
  [...text.matchAll(/(?<![\w.])(?:frappe\.)?_\(\s*((?:"(?:[^"\\]|\\.)*"\s*)+)/g)].map(
    ([, literals]) =>
      [...literals.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([, part]) => part).join(""),
  ),
);

/** A string in the place where the file has it: with its context, if it has one. */
const key = (/** @type {string} */ text, /** @type {string} */ context = "") =>
  context ? `${text}:${context}` : text;

/**
 * Labels in Desk, which Frappe translates by itself, in the context of their DocType if there is one;
 * they may be translated and need not be.
 */
const labels = filesIn("presence_progress/", /\.json$/).flatMap(({ text }) => {
  const { doctype, name } = JSON.parse(text);
  const found = text.matchAll(/"(?:label|description|name|title)": ("(?:[^"\\]|\\.)*")/g);
  return [...found].flatMap(([, value]) => {
    const label = JSON.parse(value);
    return doctype === "DocType" ? [label, key(label, name)] : [label];
  });
});

const needed = new Set([
  ...calls.flatMap(({ texts, own }) => texts.map((text) => key(text, own ? CONTEXT : ""))),
  ...python,
]);

/** @param {string} text */
const places = (text) => [...new Set(text.match(/\{\d+\}/g))].sort();

it("has every string that people read written out where it is said", () => {
  expect(calls.length).toBeGreaterThan(80);
  expect(calls.filter(({ readable }) => !readable).map(({ place }) => place)).toEqual([]);
});

const languages = readdirSync(join(PACKAGE, "translations"));

it("ships German", () => expect(languages).toContain("de.csv"));

describe.each(languages)("%s", (file) => {
  const text = readFileSync(join(PACKAGE, "translations", file), "utf8");
  const rows = readCsv(text);
  const known = rows.map(([source, , context]) => key(source, context));

  it("translates every string", () => {
    expect([...needed].filter((one) => !known.includes(one))).toEqual([]);
  });

  it("has nothing that is said nowhere any more", () => {
    const may = new Set([...needed, ...labels]);
    expect(known.filter((one) => !may.has(one))).toEqual([]);
  });

  it("puts the same values into each", () => {
    expect(rows.filter(([from, to]) => `${places(from)}` !== `${places(to)}`)).toEqual([]);
  });

  it("is what Frappe reads: two or three columns, no string twice, none empty", () => {
    expect(rows.filter((row) => ![2, 3].includes(row.length) || row.includes(""))).toEqual([]);
    expect(known.filter((one, index) => known.indexOf(one) !== index)).toEqual([]);
    expect(rows.filter((row) => row.some((cell) => cell !== cell.trim()))).toEqual([]);
  });
});

/** Reads what the tests of translations compare: calls in the code, and the files of a language. */
import ts from "typescript";
import { compileTemplate, parse } from "vue/compiler-sfc";

/**
 * One place where something is said. `own` when it goes through `translate`, which adds our context;
 * `readable` when each string that it may say is written out there.
 *
 * @typedef {{ place: string, texts: string[], own: boolean, readable: boolean }} Call
 */

/** The one call that passes on what it is given. */
const PASSES_ON = /(^|\/)client\/translate\.js$/;

/** @param {string} path @param {string} source @returns {Call[]} */
export function callsOf(path, source) {
  if (PASSES_ON.test(path)) return [];
  const scripts = path.endsWith(".vue") ? scriptsOf(path, source) : [source];
  return scripts.flatMap((script) => callsIn(path, script));
}

/** @param {string} path @param {string} source */
function scriptsOf(path, source) {
  const { script, scriptSetup, template } = parse(source, { filename: path }).descriptor;
  const drawn = template
    ? [compileTemplate({ source: template.content, filename: path, id: path }).code]
    : [];
  return [...drawn, ...[script, scriptSetup].map((block) => block?.content ?? "")];
}

/** @param {string} path @param {string} script @returns {Call[]} */
function callsIn(path, script) {
  const file = ts.createSourceFile("file.js", script, ts.ScriptTarget.Latest, true);
  /** @type {Call[]} */
  const found = [];

  /** @param {import("typescript").Node} node */
  function visit(node) {
    ts.forEachChild(node, visit);
    if (!ts.isCallExpression(node)) return;
    const { expression, arguments: values } = node;
    const name = ts.isPropertyAccessExpression(expression) ? expression.name : expression;
    if (!ts.isIdentifier(name) || !["translate", "__"].includes(name.text)) return;
    const texts = textsOf(values[0]);
    found.push({
      place: `${path}: ${node.getText()}`,
      texts: texts ?? [],
      own: name.text === "translate",
      readable: texts !== null,
    });
  }
  visit(file);
  return found;
}

/**
 * What an expression may be: a literal, or one of the two of a choice.
 *
 * @param {import("typescript").Expression | undefined} node
 * @returns {string[] | null}
 */
function textsOf(node) {
  if (!node) return null;
  if (ts.isParenthesizedExpression(node)) return textsOf(node.expression);
  if (ts.isStringLiteralLike(node)) return [node.text];
  if (!ts.isConditionalExpression(node)) return null;
  const [one, other] = [textsOf(node.whenTrue), textsOf(node.whenFalse)];
  return one && other && [...one, ...other];
}

/** RFC 4180, as Python's csv module reads it. @param {string} text */
export function readCsv(text) {
  const cell = /(?:"((?:[^"]|"")*)"|([^,\r\n]*))(,|\r?\n|$)/gy;
  /** @type {string[][]} */
  const rows = [[]];
  for (const [all, quoted, plain, end] of text.matchAll(cell)) {
    if (!all) break;
    rows[rows.length - 1].push(quoted?.replaceAll('""', '"') ?? plain);
    if (end !== ",") rows.push([]);
  }
  return rows.filter((row) => row.length);
}

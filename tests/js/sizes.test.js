// @vitest-environment node
import { gzipSync } from "node:zlib";
import { expect, it } from "vitest";
import { build, bundles, classicScript } from "../../frontend/vite.config.js";

const MINUTES = 180_000;
const KILOBYTE = 1_000;

/** What a page loads, and the most that it may weigh. @type {[string, string[], number][]} */
const PAGES = [
  ["a page without any of it", ["web"], 3],
  ["<live-count>", ["vue", "counts"], 40],
  ["<doc-viewers>", ["vue", "presence"], 40],
  ["<task-progress>", ["vue", "task"], 40],
  ["<task-tray>", ["vue", "tray"], 40],
  ["new Vue", ["vue2"], 60],
];

/** @type {Map<string, Promise<string>>} */
const built = new Map();

/** @param {string} piece @returns {Promise<string>} */
function codeOf(piece) {
  const name = `presence_progress_${piece}`;
  let code = built.get(name);
  if (!code) {
    const config = classicScript(name, bundles[name]);
    code = build({ ...config, build: { ...config.build, write: false } }).then(
      (result) => /** @type {any} */ (result).output[0].code,
    );
    built.set(name, code);
  }
  return code;
}

it.each(PAGES)(
  "%s costs little",
  async (page, pieces, limit) => {
    const codes = await Promise.all(pieces.map(codeOf));
    const sizes = codes.map((code) => gzipSync(code, { level: 9 }).length / KILOBYTE);
    const sum = sizes.reduce((total, size) => total + size);
    const parts = pieces.map((piece, index) => `${piece} ${sizes[index].toFixed(1)}`).join(" + ");
    console.log(`${page}: ${sum.toFixed(1)} kB gzip (${parts})`);
    expect(sum).toBeLessThanOrEqual(limit);
  },
  MINUTES,
);

it(
  "has Vue once, however many kinds of elements",
  async () => {
    // From the middle of Vue's scheduler.
    const words = "__v_skip";
    expect(await codeOf("vue")).toContain(words);
    for (const piece of ["counts", "presence", "task", "tray"]) {
      expect(await codeOf(piece)).not.toContain(words);
    }
  },
  MINUTES,
);

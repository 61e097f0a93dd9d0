// @vitest-environment node
import { execFileSync } from "node:child_process";
import {
  copyFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { afterAll, beforeAll, expect, it } from "vitest";
import { here } from "../../frontend/resolve.js";
import { build, module } from "../../frontend/vite.config.js";

const MINUTES = 180_000;
const SOURCES = here("../presence_progress/public/js");
/** @type {string} */
let folder;
/** @type {string} */
let built;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "spa-"));
  built = join(folder, "esm");
  const config = module();
  await build({ ...config, build: { ...config.build, outDir: built } });
  copyFileSync(here("esm.package.json"), join(built, "package.json"));
}, MINUTES);

afterAll(() => rmSync(folder, { recursive: true }));

/** The example app, installed as npm does it. @param {string} name @param {string} path of the package */
function install(name, path) {
  const app = join(folder, name);
  cpSync(here("../examples/spa"), app, { recursive: true });
  mkdirSync(join(app, "node_modules"));
  symlinkSync(path, join(app, "node_modules/presence_progress"));
  for (const needed of ["vue", "@vue", "socket.io-client", "vite", "@vitejs"]) {
    symlinkSync(here(`node_modules/${needed}`), join(app, "node_modules", needed));
  }
  return app;
}

it.each([
  ["the sources", () => SOURCES],
  ["the built module", () => built],
])(
  "the example app builds with %s, and has one Vue",
  async (name, path) => {
    const root = install(name, path());
    const result = await build({ root, logLevel: "error", build: { write: false } });
    const { output } = /** @type {any} */ (result);
    const modules = output.flatMap((/** @type {any} */ chunk) => chunk.moduleIds ?? []);
    const vues = modules.filter((/** @type {string} */ id) => id.includes("runtime-core"));
    expect(vues).toHaveLength(1);
    expect(output.map((/** @type {any} */ chunk) => chunk.code).join("")).toContain("task_cancel");
  },
  MINUTES,
);

it(
  "the built module's types say what a TypeScript app may do",
  () => {
    tsc("-p", here("tsconfig.types.json"), "--outDir", join(built, "types"));
    const app = install("typed", built);
    writeFileSync(
      join(app, "app.ts"),
      `import { LiveCount, getClient, useCount } from "presence_progress";
      const { value } = useCount({ doctype: "ToDo" });
      const count: number | null = value.value;
      // @ts-expect-error a count is no text
      const text: string = value.value;
      // @ts-expect-error no such option
      useCount({ doc: "ToDo" });
      const state: string = getClient({ url: "/site" }).connection.state;
      // @ts-expect-error a DocType's name is a text
      const props: InstanceType<typeof LiveCount>["$props"] = { doctype: 1 };
      export { count, props, state, text };`,
    );
    const compilerOptions = {
      ...{ noEmit: true, strict: true, skipLibCheck: true, preserveSymlinks: true },
      ...{ module: "esnext", moduleResolution: "bundler", target: "es2022", types: [] },
    };
    writeFileSync(
      join(app, "tsconfig.json"),
      JSON.stringify({ compilerOptions, files: ["app.ts"] }),
    );
    tsc("-p", app);
  },
  MINUTES,
);

/** @param {...string} args */
function tsc(...args) {
  const command = [here("node_modules/vue-tsc/bin/vue-tsc.js"), ...args];
  try {
    execFileSync(process.execPath, command, { encoding: "utf8" });
  } catch (error) {
    expect(/** @type {any} */ (error).stdout).toBe("");
    throw error;
  }
}

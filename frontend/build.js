/**
 * Builds what the demo serves into presence_progress/demo/static, under names that stay: its pages,
 * its stand-in for Frappe's website scripts, and our bundles as a bench makes them; and the
 * ES module for other front ends, with its types, into presence_progress/public/esm.
 */
import { execFileSync } from "node:child_process";
import { copyFileSync } from "node:fs";
import { here } from "./resolve.js";
import { build, bundles, classicScript, module, pages } from "./vite.config.js";

await build(pages());
for (const [name, path] of Object.entries(bundles)) await build(classicScript(name, path));
await build(module());
copyFileSync(here("esm.package.json"), here("../presence_progress/public/esm/package.json"));
const types = [here("node_modules/vue-tsc/bin/vue-tsc.js"), "-p", here("tsconfig.types.json")];
execFileSync(process.execPath, types, { stdio: "inherit" });

/**
 * Builds what the demo serves into presence_progress/demo/static, under names that stay: its pages,
 * its stand-in for Frappe's website scripts, and our bundles as a bench makes them; and the
 * ES module for other front ends into presence_progress/public/esm.
 */
import { build } from "vite";
import { bundles, classicScript, module, pages } from "./vite.config.js";

await build(pages());
for (const [name, path] of Object.entries(bundles)) await build(classicScript(name, path));
await build(module());

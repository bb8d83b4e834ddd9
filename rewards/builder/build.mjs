/*
 * Writes what the pages load: one file, committed, so that nobody needs Node to run Regulars.
 *
 *   node build.mjs           writes ../static/rewards/builder.js
 *   node build.mjs --check   says whether that file is what these sources make
 *   node build.mjs --tests   writes var/tests.mjs, which `node --test` runs
 */

import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

import { build } from "esbuild";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const target = here("../static/rewards/builder.js");
const shared = {
  bundle: true,
  jsx: "automatic",
  jsxImportSource: "preact",
  charset: "utf8",
  legalComments: "none",
  logLevel: "warning",
  absWorkingDir: here("."),
};

if (process.argv.includes("--tests")) {
  await build({ ...shared, entryPoints: [here("src/tests.ts")], outfile: here("var/tests.mjs"), format: "esm", platform: "node" });
} else {
  const made = await build({
    ...shared,
    entryPoints: [here("src/main.tsx")],
    outfile: target,
    format: "iife",
    target: "es2022",
    minify: true,
    write: !process.argv.includes("--check"),
    banner: { js: "/* Made by rewards/builder/build.mjs from rewards/builder/src; with Preact (MIT). */" },
  });
  if (process.argv.includes("--check")) {
    const committed = await readFile(target, "utf8").catch(() => "");
    if (committed !== made.outputFiles[0].text) {
      console.error("rewards/static/rewards/builder.js is not what rewards/builder makes: run `npm run build` there.");
      process.exit(1);
    }
  }
}

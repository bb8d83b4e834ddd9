/* Takes the registry's addresses out of the lock file; the hashes stay. */

import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

const file = fileURLToPath(new URL("package-lock.json", import.meta.url));
const lock = JSON.parse(await readFile(file, "utf8"));
for (const part of Object.values(lock.packages)) {
  delete part.resolved;
  delete part.funding;
}
await writeFile(file, `${JSON.stringify(lock, null, 2)}\n`);

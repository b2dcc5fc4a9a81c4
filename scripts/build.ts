/** `npm run build` bundles the command line into dist/, with the licences of all its packages. */
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { bundle, licences, loadedWith, packagesOf, ROOT } from "./bundle.ts";

const dist = join(ROOT, "dist");
await rm(dist, { recursive: true, force: true });
const { metafile } = await bundle(true);
await writeFile(join(dist, "licences.txt"), await licences(metafile));

const bytes = Object.values(metafile.outputs).reduce((sum, output) => sum + output.bytes, 0);
console.log(`dist: ${Object.keys(metafile.outputs).length} files, ${Math.round(bytes / 1024)} KiB`);
const admission = packagesOf(loadedWith("src/admission/command.ts", metafile));
console.log(`curfew admission loads ${admission.join(", ")}`);

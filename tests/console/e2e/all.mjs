// All files of this folder, one after the other: they share one processor. Names given are run alone.
import { createWriteStream } from 'node:fs';
import { run } from 'node:test';
import { tap } from 'node:test/reporters';
import { fileURLToPath } from 'node:url';

const names = process.argv.length > 2 ? process.argv.slice(2) : ['door', 'floor', 'monitor', 'views', 'alerts', 'link', 'speed', 'axe'];
const files = names.map((name) => fileURLToPath(new URL(`${name}.test.mjs`, import.meta.url)));
const tests = run({ files, concurrency: 1 });
tests.on('test:fail', () => { process.exitCode = 1; });
tests.compose(tap).pipe(process.env.TAP_TO ? createWriteStream(process.env.TAP_TO) : process.stdout);

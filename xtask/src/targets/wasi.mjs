// Runs a WebAssembly program of the target wasm32-wasip1 under Node: `node wasi.mjs PROGRAM [ARGUMENT]...`
// It sees the folder of the call and the temporary folder, and a few variables of the environment.
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { WASI } from 'node:wasi';

const [program, ...args] = process.argv.slice(2);
const shown = ['PROPTEST_CASES', 'RUST_BACKTRACE', 'CARGO_MANIFEST_DIR'];
const env = Object.fromEntries(shown.filter((name) => name in process.env).map((name) => [name, process.env[name]]));
const here = process.cwd();
const wasi = new WASI({
  version: 'preview1',
  args: [program, ...args],
  env: { ...env, TMPDIR: tmpdir(), PWD: here },
  preopens: { [here]: here, '.': here, [tmpdir()]: tmpdir() },
});
const module = await WebAssembly.compile(await readFile(program));
const instance = await WebAssembly.instantiate(module, wasi.getImportObject());
process.exitCode = wasi.start(instance);

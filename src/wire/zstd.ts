// Zstandard, on the heap of one WebAssembly instance. The heap is part of the interface: request bodies are assembled in it,
// from runs that were expanded in it, and compressed from it, so that label bytes are moved inside one array and never
// through JavaScript objects. Expanding happens in WebAssembly, straight to where the bytes are wanted. Compressing, which costs most of a
// sample's CPU, is done by a native codec where its binary loads (half the CPU for the same bytes, see docs/decisions/zstd.md), and
// by the WebAssembly one elsewhere. This is the only file that knows the two packages.
//
// All calls are synchronous and reuse one context each way. `heap()` and `heapView()` must be asked for again after any call that may
// allocate: growing the memory detaches the old views.

import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { TributaryError } from '../model/error.ts';

/** What of the package's Emscripten module is used. Sizes are bytes, pointers offsets into HEAPU8. */
interface ZstdModule {
  readonly HEAPU8: Uint8Array<ArrayBuffer>;
  _malloc(bytes: number): number;
  _free(pointer: number): void;
  _ZSTD_createCCtx(): number;
  _ZSTD_createDCtx(): number;
  _ZSTD_compressBound(bytes: number): number;
  _ZSTD_isError(code: number): number;
  _ZSTD_compress_usingDict(
    context: number, to: number, room: number, from: number, bytes: number, dictionary: number, dictionaryBytes: number, level: number,
  ): number;
  _ZSTD_decompress_usingDict(
    context: number, to: number, room: number, from: number, bytes: number, dictionary: number, dictionaryBytes: number,
  ): number;
}

/** What of the native package is used. */
interface NativeEncoder {
  encodeSync(data: Buffer): Buffer;
}
type NativeEncoderClass = new (level: number) => NativeEncoder;

interface Region {
  pointer: number;
  bytes: number;
}

/** ZSTD_error_dstSize_tooSmall: what is expanded needs more room. */
const TOO_SMALL = 70;

let module: ZstdModule | undefined;
let nativeEncoder: NativeEncoderClass | undefined;
const nativeByLevel = new Map<number, NativeEncoder>();
let compressContext = 0;
let decompressContext = 0;
let view: DataView<ArrayBuffer> | undefined;
const input: Region = { pointer: 0, bytes: 0 };
const output: Region = { pointer: 0, bytes: 0 };

/** Loads the codec. Call it once before anything else here; later calls do nothing. */
export async function initZstd(): Promise<void> {
  if (module !== undefined) return;
  const require = createRequire(import.meta.url);
  // The package exports only whole-buffer helpers that allocate per call; the module behind them lies beside its entry.
  const entry = require.resolve('@bokuweb/zstd-wasm');
  await (require(entry) as { init(): Promise<void> }).init();
  module = (require(join(dirname(entry), 'module.js')) as { Module: ZstdModule }).Module;
  nativeEncoder = loadNative(require);
  compressContext = module._ZSTD_createCCtx();
  decompressContext = module._ZSTD_createDCtx();
}

/** `TRIBUTARY_NATIVE=0` keeps native code out. */
function loadNative(require: NodeJS.Require): NativeEncoderClass | undefined {
  if (process.env['TRIBUTARY_NATIVE'] === '0') return undefined;
  try {
    return (require('@toondepauw/node-zstd') as { Encoder: NativeEncoderClass }).Encoder;
  } catch {
    // No binary for this platform: WebAssembly does the same, slower.
    return undefined;
  }
}

/** Which codec compresses, for logs and metrics. */
export function zstdCodec(): 'native' | 'wasm' {
  return nativeEncoder === undefined ? 'wasm' : 'native';
}

function loaded(): ZstdModule {
  if (module === undefined) throw new TributaryError('ZSTD_NOT_LOADED', 'zstd is used before initZstd has finished');
  return module;
}

/** The heap as bytes. Ask again after anything that may allocate. */
export function heap(): Uint8Array<ArrayBuffer> {
  return loaded().HEAPU8;
}

/** The heap as a DataView. Ask again after anything that may allocate. */
export function heapView(): DataView<ArrayBuffer> {
  const { buffer } = loaded().HEAPU8;
  if (view?.buffer !== buffer) view = new DataView(buffer);
  return view;
}

/** Allocates on the heap; free it with `heapFree`. */
export function heapAllocate(bytes: number): number {
  const pointer = loaded()._malloc(bytes);
  if (pointer === 0) throw new TributaryError('ZSTD_MEMORY', `zstd heap: no room for ${bytes} bytes`);
  return pointer;
}

export function heapFree(pointer: number): void {
  loaded()._free(pointer);
}

/** Makes a region at least `bytes` large; its content is not kept. */
function ensure(region: Region, bytes: number): number {
  if (region.bytes >= bytes) return region.pointer;
  if (region.pointer !== 0) heapFree(region.pointer);
  // Allocating may fail: what was given back must not be used again.
  region.pointer = 0;
  region.bytes = 0;
  // Rounded up by a quarter, so that slowly growing inputs do not allocate every time.
  const rounded = Math.ceil((bytes * 1.25) / 4096) * 4096;
  region.pointer = heapAllocate(rounded);
  region.bytes = rounded;
  return region.pointer;
}

/** Compresses `bytes` bytes that lie on the heap at `pointer`. Returns a copy of its own. */
export function compressHeap(pointer: number, bytes: number, level: number): Buffer {
  const z = loaded();
  if (nativeEncoder !== undefined) return compressNative(nativeEncoder, Buffer.from(z.HEAPU8.buffer, pointer, bytes), level);
  const room = z._ZSTD_compressBound(bytes);
  const to = ensure(output, room);
  const size = z._ZSTD_compress_usingDict(compressContext, to, room, pointer, bytes, 0, 0, level);
  if (z._ZSTD_isError(size) !== 0) throw new TributaryError('ZSTD_COMPRESS', `zstd: compressing ${bytes} bytes failed with code ${size | 0}`);
  return Buffer.from(z.HEAPU8.subarray(to, to + size));
}

function compressNative(encoderClass: NativeEncoderClass, bytes: Buffer, level: number): Buffer {
  let encoder = nativeByLevel.get(level);
  if (encoder === undefined) nativeByLevel.set(level, (encoder = new encoderClass(level)));
  return withContentSize(encoder.encodeSync(bytes), bytes.length);
}

/**
 * The native codec writes frames as a stream, which leaves the size before compression out; receivers want it to size their buffer and to refuse
 * what is too large before they expand it. Adds it behind the window descriptor. Source: RFC 8878, 3.1.1.1.
 */
function withContentSize(frame: Buffer, rawBytes: number): Buffer {
  const descriptor = frame[4]!;
  // Size field, single segment flag or dictionary: the frame is not the plain one that is rewritten here.
  if ((descriptor & 0b1110_0011) !== 0) return frame;
  const sized = Buffer.allocUnsafe(frame.length + 4);
  frame.copy(sized, 0, 0, 6);
  sized[4] = descriptor | 0b1000_0000;
  sized.writeUInt32LE(rawBytes, 6);
  frame.copy(sized, 10, 6);
  return sized;
}

/** Expands `data` to exactly `rawBytes` bytes at `pointer` on the heap. */
export function decompressToHeap(data: Uint8Array, pointer: number, rawBytes: number): void {
  const z = loaded();
  const from = ensure(input, data.length);
  z.HEAPU8.set(data, from);
  const size = z._ZSTD_decompress_usingDict(decompressContext, pointer, rawBytes, from, data.length, 0, 0);
  if (size === rawBytes && z._ZSTD_isError(size) === 0) return;
  throw new TributaryError('ZSTD_DECOMPRESS', `zstd: ${data.length} bytes should expand to ${rawBytes}, the codec says ${size | 0}`);
}

/** Compresses a buffer. Returns a copy of its own. */
export function zstdCompress(bytes: Uint8Array, level: number): Buffer {
  if (nativeEncoder !== undefined) return compressNative(nativeEncoder, Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length), level);
  const from = ensure(input, bytes.length);
  heap().set(bytes, from);
  return compressHeap(from, bytes.length, level);
}

/** Expands a buffer whose size before compression is known. Returns a copy of its own. */
export function zstdDecompress(data: Uint8Array, rawBytes: number): Uint8Array<ArrayBuffer> {
  const to = ensure(output, rawBytes);
  decompressToHeap(data, to, rawBytes);
  return heap().slice(to, to + rawBytes);
}

/**
 * Expands what somebody else compressed, to at most `maxBytes`. A frame need not tell its size, and one that does may lie: room is made in steps. Returns a copy of its
 * own. Fails with ZSTD_TOO_LARGE, or with ZSTD_DECOMPRESS for damaged input.
 */
export function zstdExpand(data: Uint8Array, maxBytes: number): Uint8Array<ArrayBuffer> {
  const z = loaded();
  for (let room = Math.min(maxBytes, Math.max(64 * 1024, data.length * 8)); ; room = Math.min(maxBytes, room * 4)) {
    const to = ensure(output, room);
    const from = ensure(input, data.length);
    z.HEAPU8.set(data, from);
    const size = z._ZSTD_decompress_usingDict(decompressContext, to, room, from, data.length, 0, 0);
    if (z._ZSTD_isError(size) === 0) return heap().slice(to, to + size);
    if ((size | 0) !== -TOO_SMALL) throw new TributaryError('ZSTD_DECOMPRESS', `zstd: ${data.length} bytes do not expand, the codec says ${size | 0}`);
    if (room === maxBytes) throw new TributaryError('ZSTD_TOO_LARGE', `zstd: ${data.length} bytes expand to more than ${maxBytes}`);
  }
}

// Pickles of opcodes in an order that no pickler writes, with arguments at the edges.
// It knows how opcodes are written, not what they do.

import fc, { type Arbitrary } from 'fast-check';
import * as w from '../../checkpoint/pickle-writer.ts';
import { ascii, concat } from '../../checkpoint/fixtures.ts';

/** Opcodes without arguments. */
const plain = '()]}N.0129abdeioqrstulRQ\x81\x85\x86\x87\x88\x89\x8f\x90\x91\x92\x93\x94\x97\x98'.split('');
const globals: readonly (readonly [string, string])[] = [
  ['torch._utils', '_rebuild_tensor_v2'],
  ['torch._utils', '_rebuild_parameter'],
  ['torch', 'FloatStorage'],
  ['torch.storage', '_load_from_bytes'],
  ['collections', 'OrderedDict'],
  ['numpy.core.multiarray', '_reconstruct'],
  ['numpy.core.multiarray', 'scalar'],
  ['numpy', 'dtype'],
  ['numpy', 'ndarray'],
  ['torch_utils.persistence', '_reconstruct_persistent_obj'],
  ['_codecs', 'encode'],
  ['builtins', 'set'],
  ['builtins', '__proto__'],
];
const memo = fc.nat(4);

const opcode: Arbitrary<w.Code> = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom(...plain) },
  { weight: 3, arbitrary: fc.constantFrom(...globals).map(([module, name]) => w.global(module, name)) },
  { weight: 3, arbitrary: fc.oneof(fc.integer(), fc.nat(8)).map(w.int) },
  {
    weight: 3,
    arbitrary: fc
      .constantFrom('state', '_modules', '_parameters', 'class_name', '__proto__', 'storage', 'f8', 'O', '<', '', '0')
      .map(w.text),
  },
  { weight: 2, arbitrary: memo.map(w.get) },
  { weight: 2, arbitrary: memo.map((i) => concat('q', Uint8Array.of(i))) },
  { weight: 2, arbitrary: fc.uint8Array({ maxLength: 16 }).map(w.bytes) },
  { weight: 1, arbitrary: fc.constantFrom([1], [1, 2], []).map((values) => w.bytes(w.storageFile(values))) },
  { weight: 1, arbitrary: fc.constantFrom(w.tensor([1]), w.tensor([1, 2], [2, 1]), w.dict({ a: w.int(1) })) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 9 }).map((bytes) => concat('\x8a', Uint8Array.of(bytes.length), bytes)) }, // prettier-ignore
  { weight: 1, arbitrary: fc.uint8Array({ minLength: 8, maxLength: 8 }).map((bytes) => concat('G', bytes)) },
  { weight: 1, arbitrary: fc.constantFrom('I01\n', 'I-1\n', 'I99999999999999999999\n', 'L5L\n', 'Fnan\n', 'F1e999\n', "S'a'\n", 'Va\n', 'P1\n', 'g0\n', 'p0\n') }, // prettier-ignore
  { weight: 1, arbitrary: fc.uint8Array({ minLength: 1, maxLength: 6 }) },
);

/** Whole pickles. */
export const pickles: Arbitrary<Uint8Array> = fc
  .tuple(fc.integer({ min: 2, max: 5 }), fc.array(opcode, { maxLength: 40, size: 'max' }))
  .map(([protocol, codes]) => concat(ascii('\x80'), Uint8Array.of(protocol), ...codes, '.'));

// Tells what a file is from its first bytes, whatever its name: a checkpoint's format, or what it is instead.
// It does not judge whether the rest of the file is sound.

import { UserError } from '../errors.ts';
import { latin1 } from './pickle/bytes.ts';
import type { ByteSource } from '../files/source.ts';
import type { Checkpoint } from './types.ts';

/** Enough for the mark of a tar archive at byte 257. */
const headBytes = 512;

/**
 * The format of a checkpoint. Any other pickle counts as one of StyleGAN: whether there are tensors in it is only known
 * when it has been read.
 * @throws UserError that says what the file looks like, and what to do with it, when it is none.
 */
export async function recognise(source: ByteSource): Promise<Checkpoint['format']> {
  const file = source.name;
  if (source.size === 0) throw new UserError(`${file} is empty: the download or copy failed. Download it again.`);
  const head = await source.read(0, Math.min(source.size, headBytes));
  const hex = Array.from(head, (byte) => byte.toString(16).padStart(2, '0')).join('');
  if (/^504b(0304|0506)/.test(hex)) return 'torch-zip';
  // The header's length (below 2^32) in 8 bytes, then a JSON object.
  if (/^.{8}000000007b/.test(hex)) return 'safetensors';
  // The magic number of torch.save as protocols 2 to 5 pickle it; those from 4 on may put a frame around it.
  if (/^800[2-5](95.{16})?8a0a6cfc9c46f9206aa85019/.test(hex)) return 'torch-legacy';
  if (/^800[2-5]/.test(hex)) return 'stylegan-pickle';
  const text = latin1(head);
  const kind = kinds.find(({ bytes, begins }) => bytes?.test(hex) ?? begins?.test(text));
  const what = kind?.what ?? `nothing known (its first bytes are ${hex.slice(0, 16)} in hexadecimal)`;
  throw new UserError(`${file} is not a checkpoint: it looks like ${what}. ${kind?.remedy ?? expected}`);
}

/** What to say of a pickle without tensors. @param globals names of the classes in it, with their modules. */
export function notACheckpoint(file: string, globals: readonly string[]): UserError {
  if (globals.some((name) => name.startsWith('dnnlib.tflib.'))) {
    return new UserError(
      `${file} is not a checkpoint: it looks like a StyleGAN network of TensorFlow. ` +
        'Convert it with legacy.py of stylegan2-ada-pytorch and give the .pkl that this writes.',
    );
  }
  return new UserError(
    `${file} is not a checkpoint: it looks like a Python pickle that torch.save did not write. ${expected} ` +
      'In Python, save its state_dict with torch.save.',
  );
}

const expected = 'A .safetensors file, a file of torch.save or a StyleGAN .pkl is expected.';
const download = 'Download the file itself again.';
const unpack = 'Unpack it and give the file inside.';

interface Kind {
  /** What the file begins with: its bytes in hexadecimal, or as text. */
  readonly bytes?: RegExp;
  readonly begins?: RegExp;
  readonly what: string;
  readonly remedy: string;
}

/** The first that fits is meant. */
const kinds: readonly Kind[] = [
  {
    begins: /^version https:\/\/git-lfs/,
    what: 'a Git LFS pointer, which stands for the file',
    remedy: 'Run `git lfs pull`, or download the file itself.',
  },
  {
    begins: /^(\xef\xbb\xbf)?\s*<(!doctype html|html|head)/i,
    what: 'an HTML page, such as one that asks for a login',
    remedy: download,
  },
  {
    begins: /^(\xef\xbb\xbf)?\s*<(\?xml|[a-z!])/i,
    what: 'an XML document, such as the error message of a server',
    remedy: download,
  },
  { bytes: /^1f8b/, what: 'a gzip archive', remedy: 'Unpack it (gunzip, or tar -xzf) and give the file inside.' },
  { bytes: /^(425a68|fd377a585a|28b52ffd|377abcaf|52617221)/, what: 'a compressed archive', remedy: unpack },
  {
    begins: /^(sys_info|pickle|tensors|storages)\0[^]*ustar/,
    what: 'a tar archive as torch wrote before version 0.1.10',
    remedy: 'Load it in Python and save its state_dict with torch.save.',
  },
  { bytes: /^.{514}7573746172/, what: 'a tar archive', remedy: unpack },
  {
    bytes: /^894844460d0a/,
    what: 'an HDF5 file, as Keras writes',
    remedy: `${expected} Convert it in Python with the safetensors package.`,
  },
  { bytes: /^934e554d5059/, what: 'a NumPy array', remedy: expected },
  { begins: /^GGUF/, what: 'a GGUF file of a language model', remedy: expected },
  { begins: /^[^]{4}TFL3/, what: 'a TensorFlow Lite model', remedy: expected },
  { bytes: /^(89504e47|ffd8ff|47494638|25504446|52494646)/, what: 'an image or a document', remedy: expected },
  {
    // Protobuf: field 1 is a small number (ir_version); then comes a text (producer_name), or the graph.
    bytes: /^08(0[1-9a-f]|1.)(12..[2-7]|3a)/,
    what: 'an ONNX model',
    remedy: `${expected} ONNX models are opened as graphs, not as checkpoints.`,
  },
  { begins: /^(\xef\xbb\xbf)?\s*[[{]\s*["{[\]}\d-]/, what: 'a JSON document', remedy: expected },
  { begins: /^[\t\n\r\x20-\x7e\x80-\xff]+$/, what: 'a text file', remedy: expected },
];

// What people mistake for a checkpoint, and what they are told.

import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { ascii, bytesOf, concat, messageOf, openBytes } from './fixtures.ts';

const tar = (name: string): Uint8Array => {
  const bytes = new Uint8Array(1024);
  bytes.set(ascii(name));
  bytes.set(ascii('ustar\x0000'), 257);
  return bytes;
};

const formats = 'A .safetensors file, a file of torch.save or a StyleGAN .pkl is expected.';

describe('files that are no checkpoints', () => {
  it.each<[string, Uint8Array, string]>([
    ['empty', new Uint8Array(), 'm.pth is empty: the download or copy failed. Download it again.'],
    [
      'an HTML page',
      ascii('\n<!DOCTYPE html><html><head><title>Sign in</title>'),
      'm.pth is not a checkpoint: it looks like an HTML page, such as one that asks for a login. Download the file itself again.',
    ],
    [
      'an XML error',
      ascii('<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>'),
      'm.pth is not a checkpoint: it looks like an XML document, such as the error message of a server. Download the file itself again.',
    ],
    [
      'a Git LFS pointer',
      ascii('version https://git-lfs.github.com/spec/v1\noid sha256:4d7a21\nsize 97813201\n'),
      'm.pth is not a checkpoint: it looks like a Git LFS pointer, which stands for the file. Run `git lfs pull`, or download the file itself.',
    ],
    ['JSON', ascii('{"weight_map": {}}'), `m.pth is not a checkpoint: it looks like a JSON document. ${formats}`],
    [
      'gzip',
      new Uint8Array(gzipSync('x')),
      'm.pth is not a checkpoint: it looks like a gzip archive. Unpack it (gunzip, or tar -xzf) and give the file inside.',
    ],
    [
      'tar',
      tar('model/weights.pth'),
      'm.pth is not a checkpoint: it looks like a tar archive. Unpack it and give the file inside.',
    ],
    [
      "torch's old tar format",
      tar('sys_info'),
      'm.pth is not a checkpoint: it looks like a tar archive as torch wrote before version 0.1.10. Load it in Python and save its state_dict with torch.save.',
    ],
    [
      'xz',
      ascii('\xfd7zXZ\0\0\x04'),
      'm.pth is not a checkpoint: it looks like a compressed archive. Unpack it and give the file inside.',
    ],
    [
      'ONNX',
      ascii('\x08\x08\x12\x07pytorch\x1a\x05'),
      `m.pth is not a checkpoint: it looks like an ONNX model. ${formats} ONNX models are opened as graphs, not as checkpoints.`,
    ],
    [
      'HDF5',
      ascii('\x89HDF\r\n\x1a\n\0\0'),
      `m.pth is not a checkpoint: it looks like an HDF5 file, as Keras writes. ${formats} Convert it in Python with the safetensors package.`,
    ],
    ['NumPy', ascii('\x93NUMPY\x01\0'), `m.pth is not a checkpoint: it looks like a NumPy array. ${formats}`],
    ['PNG', ascii('\x89PNG\r\n\x1a\n'), `m.pth is not a checkpoint: it looks like an image or a document. ${formats}`],
    [
      'a pickle of another kind',
      ascii('\x80\x03}q\0.'),
      `m.pth is not a checkpoint: it looks like a Python pickle that torch.save did not write. ${formats} In Python, save its state_dict with torch.save.`,
    ],
    ['text', ascii('Not found\n'), `m.pth is not a checkpoint: it looks like a text file. ${formats}`],
    [
      'anything else',
      ascii('\x01\x02\x03\xff'),
      `m.pth is not a checkpoint: it looks like nothing known (its first bytes are 010203ff in hexadecimal). ${formats}`,
    ],
    [
      'an empty ZIP archive',
      concat('PK\x05\x06', new Uint8Array(18)),
      'm.pth is a ZIP archive without the data.pkl of a torch checkpoint (it has no entries). If the checkpoint is inside it, unpack it and give that file.',
    ],
  ])('%s', async (_, bytes, expected) => {
    expect(await messageOf(openBytes(bytes, 'm.pth'))).toBe(expected);
  });

  it('a torch file with another magic number or version', async () => {
    const bytes = bytesOf('checkpoint/tensors-legacy.pth');
    const wrongMagic = bytes.with(4, bytes[4] ^ 1);
    expect(await messageOf(openBytes(wrongMagic))).toMatch(/a Python pickle that torch.save did not write/);
    const version = Buffer.from(bytes).indexOf('M\xe9\x03', 0, 'latin1') + 1;
    expect(await messageOf(openBytes(bytes.with(version, 0xea)))).toMatch(
      /its magic number or version is not the known one/,
    );
  });
});

describe('files that are cut off', () => {
  it.each([
    ['checkpoint/tensors.pth', /is a ZIP archive without its directory: it is truncated/],
    ['checkpoint/tensors-legacy.pth', /storage \S+ needs \d+ bytes and the file ends \d+ bytes into it/],
    ['checkpoint/tensors.safetensors', /its tensors take \d+ bytes and the file has \d+ for them/],
  ])('%s without its last byte', async (name, pattern) => {
    expect(await messageOf(openBytes(bytesOf(name).slice(0, -1)))).toMatch(pattern);
  });

  it.each([
    ['checkpoint/tensors.pth', /is a ZIP archive without its directory/],
    ['checkpoint/tensors-legacy.pth', /some.pth ends after \d+ bytes, in the middle of its data: it is truncated/],
    ['checkpoint/tensors.safetensors', /its header claims \d+ bytes and the file has 200/],
  ])('%s after 200 bytes', async (name, pattern) => {
    expect(await messageOf(openBytes(bytesOf(name).slice(0, 200)))).toMatch(pattern);
  });
});

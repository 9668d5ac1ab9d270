import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync, symlinkSync } from 'node:fs';
import { link, mkdir, readFile, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { zipSync, Zip, ZipDeflate, ZipPassThrough, type Zippable } from 'fflate';
import { pack } from 'tar-stream';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { UserError } from '../../src/errors.ts';
import type { ImageSet } from '../../src/images/image-set.ts';
import { decodeImage, openImages as open } from '../../src/images/node.ts';
import { openTar } from '../../src/images/node/tar.ts';
import { noise, planar, png, temporaryFolder, webp, writeFiles } from './pictures.ts';

const has = (program: string): boolean => spawnSync(program, ['--version']).status === 0;
const hasTar = has('tar');
const hasPython = has('python3');

const long = `${'a-rather-long-folder-name/'.repeat(6)}${'b'.repeat(120)}.png`;
/** In the order of their UTF-8 bytes. */
const names = [
  'B.png',
  'a-1.png',
  'a.png',
  long,
  'a/1.png',
  'a/b/2.WEBP',
  'a/é.webp',
  'é.png',
  '\uff5e.png',
  '😀.png',
].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
const pixelsOf = (name: string): Uint8Array => noise(16, 12, names.indexOf(name) + 1);
const images: Record<string, Uint8Array> = {};
const others: Record<string, string> = {
  'readme.txt': 'no image',
  'a/.hidden.png': 'hidden',
  '.cache/x.png': 'hidden',
  '__MACOSX/a.png': 'hidden',
  'a/._1.png': 'hidden',
};

beforeAll(async () => {
  for (const name of names) images[name] = await (name.endsWith('png') ? png : webp)(pixelsOf(name), 16, 12);
});

async function everyPixel(set: ImageSet): Promise<void> {
  expect(set.names).toEqual(names);
  // All at once and backwards, as no container likes it.
  const reads = names.map((_, i) => names.length - 1 - i);
  await Promise.all(
    reads.map(async (i) => {
      const bytes = await set.read(i);
      expect(Buffer.compare(bytes, images[names[i]])).toBe(0);
      expect((await decodeImage(bytes)).data).toEqual(planar(pixelsOf(names[i])));
    }),
  );
  await set.close();
}

async function tree(): Promise<string> {
  const folder = join(await temporaryFolder(), 'tree');
  await writeFiles(folder, { ...images, ...others });
  return folder;
}

/** Opens what is closed with the test. */
async function openImages(path: string): Promise<ImageSet> {
  const set = await open(path);
  onTestFinished(() => set.close());
  return set;
}

/** Opens a file with this content, under this name. */
async function opened(name: string, content: Uint8Array): Promise<ImageSet> {
  const path = join(await temporaryFolder(), name);
  await writeFile(path, content);
  return openImages(path);
}

describe('a folder', () => {
  it('lists images of all subfolders bytewise, without hidden ones, and reads them', async () => {
    const set = await openImages(await tree());
    expect(set.source).toBe('tree');
    await everyPixel(set);
  });

  it('follows links, each folder once and under its own name, into no circle', async () => {
    const outside = await temporaryFolder();
    await writeFiles(outside, { 'far/x.png': images['a.png'], 'one.png': images['a.png'] });
    const folder = await temporaryFolder();
    await writeFiles(folder, { 'real/1.png': images['a.png'], 'real/deep/2.png': images['a.png'] });
    await symlink(folder, join(folder, 'real', 'circle'));
    await symlink(join(folder, 'real'), join(folder, 'again'));
    await symlink(join(outside, 'far'), join(folder, 'm'));
    await symlink(join(outside, 'far'), join(folder, 'n'));
    await symlink(join(outside, 'one.png'), join(folder, 'linked.png'));
    await symlink(join(outside, 'nothing'), join(folder, 'dangling.png'));
    await symlink('self.png', join(folder, 'self.png'));
    const set = await openImages(folder);
    expect(set.names).toEqual(['dangling.png', 'linked.png', 'm/x.png', 'real/1.png', 'real/deep/2.png', 'self.png']);
    expect(Buffer.compare(await set.read(1), images['a.png'])).toBe(0);
    await expect(set.read(0)).rejects.toThrow(new UserError('no such file or folder'));
    await expect(set.read(5)).rejects.toThrow(new UserError('a symbolic link that leads to itself'));
  });

  it.skipIf(process.platform !== 'linux')('reads names that are not UTF-8, and shows their bytes', async () => {
    const folder = await temporaryFolder();
    const path = (...parts: (string | number)[]): Buffer =>
      Buffer.concat([
        Buffer.from(`${folder}/`),
        ...parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : Buffer.of(part))),
      ]);
    await mkdir(path('d', 0xe9));
    await writeFile(path('d', 0xe9, '/é', 0xff, '.png'), images['a.png']);
    await writeFile(path('b', 0xc3, '.JFIF'), images['B.png']);
    await writeFile(path('b\\xc3.JFIF'), images['é.png']);
    const set = await openImages(folder);
    expect(set.names).toEqual(['\\xb\\xc3.JFIF', 'b\\xc3.JFIF', 'd\\xe9/é\\xff.png']);
    expect(Buffer.compare(await set.read(2), images['a.png'])).toBe(0);
    const both = [await set.read(0), await set.read(1)].map((bytes) => Buffer.from(bytes).toString('hex')).sort();
    const wanted = [images['B.png'], images['é.png']].map((bytes) => Buffer.from(bytes).toString('hex')).sort();
    expect(both).toEqual(wanted);
  });

  it('does not take a folder or a pipe for an image', async () => {
    const folder = await temporaryFolder();
    await mkdir(join(folder, 'x.png'));
    await writeFiles(folder, { 'y.png': images['a.png'] });
    execFileSync('mkfifo', [join(folder, 'pipe.png')]);
    expect((await openImages(folder)).names).toEqual(['y.png']);
  });
});

describe('a tar archive', () => {
  const all = (archive: string): string[] => [archive, '-C', join(archive, '..', 'tree'), '.'];
  it.skipIf(!hasTar).each([
    ['GNU, with long names', 'x.tar', ['--format=gnu', '-cf']],
    ['pax, with long names', 'x.tar', ['--format=pax', '-cf']],
    ['GNU and gzip', 'x.tar.gz', ['--format=gnu', '-czf']],
    ['pax and gzip', 'x.TGZ', ['--format=pax', '-czf']],
    ['gzip, though named .tar', 'x.tar', ['--format=pax', '-czf']],
  ])('is read as the folder is: %s (needs tar)', async (_, name, options) => {
    const archive = join(await tree(), '..', name);
    execFileSync('tar', [...options, ...all(archive)]);
    const set = await openImages(archive);
    expect(set.source).toBe(name);
    await everyPixel(set);
  });

  it.skipIf(!hasTar).each(['ustar', 'v7', 'oldgnu'])('may be of the older format %s (needs tar)', async (format) => {
    const folder = await temporaryFolder();
    const deep = `${'f'.repeat(60)}/${'g'.repeat(format === 'v7' ? 20 : 60)}.png`;
    await writeFiles(join(folder, 'tree'), { [deep]: images['a.png'], 'B.png': images['B.png'] });
    const archive = join(folder, 'x.tar');
    execFileSync('tar', [`--format=${format}`, '-cf', ...all(archive)]);
    const set = await openImages(archive);
    expect(set.names).toEqual(['B.png', deep]);
    expect(Buffer.compare(await set.read(1), images['a.png'])).toBe(0);
  });

  it.skipIf(!hasTar).each(['x.tar', 'x.tgz'])('gives links their images: %s (needs tar)', async (name) => {
    const folder = await temporaryFolder();
    const inside = join(folder, 'tree');
    await writeFiles(inside, { 'd/1.png': images['a.png'], 'd/2.png': images['B.png'] });
    await link(join(inside, 'd/1.png'), join(inside, 'd/hard.png'));
    symlinkSync('../d/2.png', join(inside, 'd/soft.png'));
    symlinkSync('/nowhere/2.png', join(inside, 'd/wild.png'));
    execFileSync('tar', [name === 'x.tar' ? '-cf' : '-czf', ...all(join(folder, name))]);
    const set = await openImages(join(folder, name));
    expect(set.names).toEqual(['d/1.png', 'd/2.png', 'd/hard.png', 'd/soft.png', 'd/wild.png']);
    for (const [i, same] of [['a.png'], ['B.png'], ['a.png'], ['B.png']].entries()) {
      expect(Buffer.compare(await set.read(i), images[same[0]])).toBe(0);
    }
    await expect(set.read(4)).rejects.toThrow(/^a link to .*nowhere\/2\.png, which is not an image of this archive$/);
  });

  async function packed(entries: [string, Uint8Array][]): Promise<Buffer> {
    const stream = pack();
    for (const [name, content] of entries) stream.entry({ name }, content);
    stream.finalize();
    const chunks: Uint8Array[] = [];
    for await (const chunk of stream) chunks.push(chunk as Uint8Array);
    return Buffer.concat(chunks);
  }

  it('lets the later of two equal names count, and takes names that climb as names', async () => {
    const content = await packed([
      ['x.png', images['a.png']],
      ['../../etc/up.png', images['é.png']],
      ['x.png', images['B.png']],
      ['/abs.png', images['a.png']],
    ]);
    for (const set of [await opened('x.tar', content), await opened('x.tar.gz', gzipSync(content))]) {
      expect(set.names).toEqual(['../../etc/up.png', '/abs.png', 'x.png']);
      expect(Buffer.compare(await set.read(2), images['B.png'])).toBe(0);
      expect(Buffer.compare(await set.read(0), images['é.png'])).toBe(0);
    }
  });

  it('keeps what exceeds the memory in a temporary file, which is gone after closing', async () => {
    const folder = await temporaryFolder();
    const spill = await temporaryFolder();
    const path = join(folder, 'x.tar.gz');
    await writeFile(path, gzipSync(await packed(names.map((name) => [name, images[name]]))));
    const usual = process.env.TMPDIR;
    process.env.TMPDIR = spill;
    try {
      const content = await packed(names.map((name) => [name, images[name]]));
      // Without the two empty blocks at the end.
      await writeFile(join(folder, 'cut.tar.gz'), gzipSync(content.subarray(0, -1024)));
      await everyPixel(await openTar(join(folder, 'cut.tar.gz'), 'cut', { kept: 0 }));
      for (const limit of [0, 1500]) {
        const set = await openTar(path, 'x.tar.gz', { kept: limit });
        await everyPixel(set);
        expect(readdirSync(spill)).toEqual([]);
      }
      process.env.TMPDIR = join(spill, 'missing');
      await expect(openTar(path, 'x.tar.gz', { kept: 0 })).rejects.toThrow(
        /cannot write a temporary file: no such file.*TMPDIR/,
      );
    } finally {
      if (usual === undefined) delete process.env.TMPDIR;
      else process.env.TMPDIR = usual;
    }
  });

  it.skipIf(!hasTar || process.platform !== 'linux')('keeps names apart that are not UTF-8 (needs tar)', async () => {
    const folder = join(await temporaryFolder(), 'tree');
    await mkdir(folder);
    for (const [byte, name] of [
      [0xe8, 'a.png'],
      [0xe9, 'B.png'],
    ] as const) {
      await writeFile(Buffer.concat([Buffer.from(`${folder}/`), Buffer.of(byte), Buffer.from('.png')]), images[name]);
    }
    await writeFile(join(folder, 'é.png'), images['é.png']);
    for (const [format, flag, file] of [
      ['gnu', '-cf', 'x.tar'],
      ['ustar', '-czf', 'x.tgz'],
    ]) {
      const archive = join(folder, '..', file);
      execFileSync('tar', [`--format=${format}`, flag, ...all(archive)]);
      const set = await openImages(archive);
      expect(set.names).toEqual(['\\xe8.png', '\\xe9.png', 'é.png']);
      for (const [i, name] of ['a.png', 'B.png', 'é.png'].entries())
        expect(Buffer.compare(await set.read(i), images[name])).toBe(0);
    }
  });

  it('must be whole', async () => {
    const content = await packed(names.map((name) => [name, images[name]]));
    const zipped = gzipSync(content);
    const broken = Buffer.from(content);
    broken.fill(0x41, 1100, 1200);
    const flipped = Buffer.from(zipped);
    flipped[zipped.length >> 1] ^= 0xff;
    const message = /x\.t.* is not a complete tar archive \(.+\): fetch or make it again$/;
    await expect(opened('x.tar', content.subarray(0, 1000))).rejects.toThrow(message);
    await expect(opened('x.tar', Buffer.from('no archive at all'))).rejects.toThrow(message);
    await expect(opened('x.tar', Buffer.alloc(2048, 'no archive at all'))).rejects.toThrow(message);
    await expect(opened('x.tar.gz', zipped.subarray(0, zipped.length >> 1))).rejects.toThrow(message);
    await expect(opened('x.tgz', flipped)).rejects.toThrow(message);
    await expect(opened('x.tar', broken)).resolves.toBeDefined();
    await expect(opened('x.tar', new Uint8Array(0))).rejects.toThrow(/x\.tar contains no images/);
  });

  it('reports an image whose data went away later', async () => {
    const path = join(await temporaryFolder(), 'x.tar');
    await writeFile(path, await packed([['x.png', images['a.png']]]));
    const set = await openImages(path);
    await truncate(path, 600);
    await expect(set.read(0)).rejects.toThrow(new UserError('the file ends before its data'));
  });
});

describe('a zip archive', () => {
  it('has as many files as its end counts', async () => {
    const content = Buffer.from(zipSync({ 'a.png': images['a.png'], 'b.png': images['a.png'] }));
    const end = content.lastIndexOf('PK\x05\x06');
    for (const at of [8, 10]) content.writeUInt16LE(1, end + at);
    await expect(opened('x.zip', content)).rejects.toThrow(/whose directory lists other files than its end counts/);
  });

  const everything = (level: 0 | 9): Zippable =>
    Object.fromEntries(
      Object.entries({ ...images, ...others }).map(([name, content]) => [
        name,
        [typeof content === 'string' ? Buffer.from(content) : content, { level }],
      ]),
    );

  it.each([0, 9] as const)('is read as the folder is, at level %i', async (level) => {
    await everyPixel(await opened('x.zip', zipSync(everything(level), { comment: 'PK\x05\x06, it says' })));
  });

  it('may have data descriptors', async () => {
    const chunks: Uint8Array[] = [];
    const zip = new Zip((error, chunk) => {
      if (error) throw error;
      chunks.push(chunk);
    });
    for (const [i, name] of names.entries()) {
      const file = i % 2 ? new ZipDeflate(name, { level: 6 }) : new ZipPassThrough(name);
      zip.add(file);
      file.push(images[name].subarray(0, 50));
      file.push(images[name].subarray(50), true);
    }
    zip.end();
    const content = Buffer.concat(chunks);
    expect(content.readUInt16LE(6) & 8).toBe(8);
    await everyPixel(await opened('x.zip', content));
  });

  it('may follow something else in the file', async () => {
    const content = Buffer.concat([Buffer.from('#!/bin/sh\n'.repeat(30)), zipSync(everything(9))]);
    await everyPixel(await opened('x.ZIP', content));
  });

  it.skipIf(!hasPython)('may be zip64, and by another program (needs python3)', async () => {
    const folder = await tree();
    const archive = join(folder, '..', 'x.zip');
    const program = `
import sys, os, zipfile
# Lower limits make this a zip64 archive in all of its parts.
zipfile.ZIP64_LIMIT = 100
zipfile.ZIP_FILECOUNT_LIMIT = 3
with zipfile.ZipFile(sys.argv[2], 'w', zipfile.ZIP_DEFLATED) as z:
    for root, _, files in os.walk(sys.argv[1]):
        for f in files: z.write(os.path.join(root, f), os.path.relpath(os.path.join(root, f), sys.argv[1]))`;
    execFileSync('python3', ['-c', program, folder, archive]);
    expect((await readFile(archive)).includes('PK\x06\x06')).toBe(true);
    await everyPixel(await openImages(archive));
  });

  it('takes backslashes for slashes, Latin-1 for what is not UTF-8, and names that climb as names', async () => {
    const content = Buffer.from(
      zipSync({
        'a\\b.png': images['a.png'],
        '../up.png': images['B.png'],
        './c.png': images['B.png'],
        'XX.png': images['B.png'],
      }),
    );
    for (let at = content.indexOf('XX.png'); at >= 0; at = content.indexOf('XX.png', at))
      content.write('\xe9', at, 'latin1');
    const set = await opened('x.zip', content);
    expect(set.names).toEqual(['../up.png', 'a/b.png', 'c.png', 'éX.png']);
    expect(Buffer.compare(await set.read(1), images['a.png'])).toBe(0);
  });

  it('must be whole', async () => {
    const content = Buffer.from(zipSync(everything(9)));
    const message =
      /x\.zip is a ZIP archive with(out its| a damaged) directory: it is truncated or damaged\. Download it again\.$/;
    await expect(opened('x.zip', content.subarray(0, content.length >> 1))).rejects.toThrow(message);
    await expect(opened('x.zip', content.subarray(100))).rejects.toThrow(message);
    await expect(opened('x.zip', new Uint8Array(0))).rejects.toThrow(message);
    await expect(opened('x.zip', Buffer.from('PK'))).rejects.toThrow(message);
    const missing = Buffer.from(content);
    missing.writeUInt16LE(200, missing.length - 12);
    await expect(opened('x.zip', missing)).rejects.toThrow(message);
    const garbled = Buffer.from(content);
    garbled.writeUInt16LE(60_000, garbled.indexOf('PK\x01\x02') + 28);
    await expect(opened('x.zip', garbled)).rejects.toThrow(message);
    await expect(opened('x.zip', zipSync({ 'a.txt': Buffer.from('text') }))).rejects.toThrow(
      /^x\.zip contains no images/,
    );
  });

  it('reports a broken entry when it is read, and reads the others', async () => {
    const entries = { 'a.png': images['a.png'], 'b.png': images['B.png'] };
    const damage = async (level: 0 | 9, change: (zip: Buffer) => void): Promise<ImageSet> => {
      const content = Buffer.from(zipSync(entries, { level }));
      change(content);
      const set = await opened('x.zip', content);
      expect(Buffer.compare(await set.read(1), images['B.png'])).toBe(0);
      return set;
    };
    const central = (zip: Buffer): number => zip.indexOf('PK\x01\x02');
    await expect((await damage(0, (zip) => zip.fill(7, 60, 70))).read(0)).rejects.toThrow(/checksum/);
    await expect((await damage(9, (zip) => zip.fill(0xff, 36, 50))).read(0)).rejects.toThrow(
      /data are damaged|checksum/,
    );
    await expect((await damage(9, (zip) => zip.fill(0, 0, 4))).read(0)).rejects.toThrow(/header is damaged/);
    // A bomb: more comes out than the directory says.
    await expect((await damage(9, (zip) => zip.writeUInt32LE(20, central(zip) + 24))).read(0)).rejects.toThrow(
      /declared size|damaged/,
    );
    await expect((await damage(9, (zip) => zip.writeUInt32LE(2e9, central(zip) + 20))).read(0)).rejects.toThrow(
      /ends before/,
    );
    await expect((await damage(9, (zip) => zip.writeUInt16LE(12, central(zip) + 10))).read(0)).rejects.toThrow(
      /method 12/,
    );
    await expect((await damage(9, (zip) => zip.writeUInt16LE(1, central(zip) + 8))).read(0)).rejects.toThrow(
      /encrypted/,
    );
  });
});

describe('openImages', () => {
  it('opens a single image', async () => {
    const set = await opened('cat.JPG', images['a.png']);
    expect([set.source, set.names]).toEqual(['cat.JPG', ['cat.JPG']]);
    expect(Buffer.compare(await set.read(0), images['a.png'])).toBe(0);
  });

  it('opens a single image and a folder that are hidden: they were asked for by name', async () => {
    expect((await opened('.cat.png', images['a.png'])).names).toEqual(['.cat.png']);
    const folder = join(await temporaryFolder(), '.photos');
    await writeFiles(folder, { 'a.png': images['a.png'] });
    expect((await openImages(folder)).names).toEqual(['a.png']);
  });

  it('says what is wrong with a path', async () => {
    const folder = await temporaryFolder();
    await writeFiles(folder, { 'empty/notes.txt': 'x', 'a.gif': 'x' });
    const failure = async (path: string): Promise<string> => {
      const error: unknown = await openImages(path).catch((e: unknown) => e);
      expect(error).toBeInstanceOf(UserError);
      return (error as UserError).message;
    };
    expect(await failure(join(folder, 'none'))).toBe(
      `${join(folder, 'none')} cannot be opened: no such file or folder`,
    );
    expect(await failure(join(folder, 'empty'))).toMatch(/^empty contains no images: files ending in \.jpg/);
    expect(await failure(join(folder, 'a.gif'))).toMatch(
      /a\.gif is neither a folder, nor a \.tar, .*nor an image \(\.jpg,/,
    );
  });
});

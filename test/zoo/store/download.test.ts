// Downloads from a server that cuts, stalls, redirects, lies and fails: what is kept, what is resumed, what is said.

import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { getuid } from 'node:process';
import { afterEach, describe, expect, it } from 'vitest';
import { download, type DownloadOptions, type DownloadProgress } from '../../../src/zoo/store/node/download.ts';
import { fileServer, proxyServer, type Behaviour } from './file-server.ts';
import { temporaryFolder } from '../fixtures.ts';

const at = temporaryFolder();
const server = await fileServer();
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

/** Bytes that repeat nowhere nearby, so that a piece at the wrong place shows. */
const bytesOf = (seed: number, length = 300_000): Buffer =>
  Buffer.concat(
    Array.from({ length: Math.ceil(length / 32) }, (_, i) => createHash('sha256').update(`${seed} ${i}`).digest()),
  ).subarray(0, length);
const content = bytesOf(1);
const whole = { etag: '"1"', content };

let count = 0;
/** An address and a target of their own for each test. */
function setting(behaviour: Partial<Behaviour> = {}) {
  const target = at(`${++count}/net.pth`);
  const serve = (more: Partial<Behaviour>) => server.serve(`/models/${count}/net.pth`, { ...whole, ...more });
  const url = serve(behaviour);
  const get = (options: DownloadOptions = {}) =>
    download(url, target, {
      backoff: 0.01,
      ...options,
      progress(now) {
        options.progress?.(now);
        server.reached(now.done);
      },
    });
  const here = () => (existsSync(dirname(target)) ? readdirSync(dirname(target)).sort() : []);
  return { target, url, serve, get, here, ranges: () => server.asked.map(({ range }) => range) };
}

const proxies = ['http_proxy', 'https_proxy', 'HTTP_PROXY', 'HTTPS_PROXY', 'no_proxy', 'NO_PROXY'];
const clear = () => proxies.forEach((name) => delete process.env[name]);
clear();
afterEach(clear);

describe('a download', () => {
  it('brings the file, tells how far it is, and leaves nothing beside it', async () => {
    const { target, get, here } = setting();
    const seen: DownloadProgress[] = [];
    const got = await get({ progress: (now) => seen.push(now) });
    expect(got).toEqual({ bytes: content.length, sha256: sha256(content) });
    expect(readFileSync(target).equals(content)).toBe(true);
    expect(here()).toEqual(['net.pth']);
    expect(seen.at(-1)).toMatchObject({ done: content.length, total: content.length });
    const steps = seen.map(({ done }) => done);
    expect(steps).toEqual([...steps].sort((a, b) => a - b));
  });

  it.each([
    ['its whole SHA-256', { sha256: sha256(content) }],
    ['the beginning of its SHA-256', { sha256: sha256(content).slice(0, 8) }],
    ['the beginning of its MD5', { md5: createHash('md5').update(content).digest('hex').slice(0, 6) }],
    ['its size', { bytes: content.length }],
  ])('is accepted by %s', async (_, expected) => {
    await expect(setting().get({ expected })).resolves.toMatchObject({ bytes: content.length });
  });

  it('of a file without a length is taken until the connection ends', async () => {
    const { target, get } = setting({ length: 'none' });
    const seen: DownloadProgress[] = [];
    await get({ progress: (now) => seen.push(now) });
    expect(readFileSync(target).equals(content)).toBe(true);
    expect(seen.at(-1)!.total).toBeUndefined();
  });

  it('of a file that is sent compressed is decoded', async () => {
    const { target, get } = setting({ gzip: true });
    await get({ expected: { sha256: sha256(content) } });
    expect(readFileSync(target).equals(content)).toBe(true);
  });

  it('of a compressed file that is cut starts over', async () => {
    const { target, get, ranges } = setting({ gzip: true, cuts: [100_000] });
    await get();
    expect(readFileSync(target).equals(content)).toBe(true);
    expect(ranges()).toEqual([undefined, undefined]);
  });
});

describe('a connection that is cut', () => {
  it('is resumed where it broke, as often as it goes on', async () => {
    const { target, get, ranges } = setting({ cuts: [50_000, 50_000, 50_000, 50_000, 50_000] });
    const notes: string[] = [];
    await get({ retries: 1, note: (text) => notes.push(text), expected: { sha256: sha256(content) } });
    expect(readFileSync(target).equals(content)).toBe(true);
    expect(ranges()).toEqual([undefined, ...[1, 2, 3, 4, 5].map((i) => `bytes=${50_000 * i}-`)]);
    expect(notes).toHaveLength(5);
    expect(notes[0]).toMatch(/net\.pth: the connection .*broke.*; trying again in 0\.01 s/);
  });

  it('is resumed by a later call', async () => {
    const { target, url, get, here, serve } = setting({ cuts: [120_000] });
    await expect(get({ retries: 0 })).rejects.toThrow(`${url} cannot be downloaded: the connection`);
    expect(here()).toEqual(['net.pth.partial', 'net.pth.partial.json']);
    serve({});
    await get({ expected: { sha256: sha256(content) } });
    expect(server.asked).toMatchObject([{ range: 'bytes=120000-', ifRange: '"1"' }]);
    expect(readFileSync(target).equals(content)).toBe(true);
    expect(here()).toEqual(['net.pth']);
  });

  it('is resumed by the date where there is no strong ETag', async () => {
    const modified = 'Mon, 02 Jan 2023 03:04:05 GMT';
    const { target, get } = setting({ etag: 'W/"1"', modified, cuts: [70_000] });
    await get();
    expect(server.asked).toMatchObject([{}, { range: 'bytes=70000-', ifRange: modified }]);
    expect(readFileSync(target).equals(content)).toBe(true);
  });

  it.each<[string, Partial<Behaviour>]>([
    ['names no version', { etag: undefined }],
    ['ignores ranges', { ranges: false }],
  ])('starts over at a server that %s', async (_, behaviour) => {
    const { target, get } = setting({ ...behaviour, cuts: [120_000] });
    await get({ expected: { sha256: sha256(content) } });
    expect(readFileSync(target).equals(content)).toBe(true);
    expect(server.asked).toHaveLength(2);
  });

  it('is given up when it breaks at the same place again and again', async () => {
    const { get } = setting({ ranges: false, cuts: Array<number>(9).fill(120_000) });
    await expect(get({ retries: 3 })).rejects.toThrow(
      /cannot be downloaded: .*broke.*Rerun the same command to resume/,
    );
    expect(server.asked).toHaveLength(4);
  });

  it.each([false, true])(
    'starts over when the file has changed meanwhile (server that forgets If-Range: %s)',
    async (forgetful) => {
      const { target, get, serve } = setting({ cuts: [120_000] });
      await expect(get({ retries: 0 })).rejects.toThrow();
      const changed = bytesOf(2, 250_000);
      serve({ content: changed, etag: '"2"', forgetful });
      await get();
      expect(readFileSync(target).equals(changed)).toBe(true);
    },
  );

  it('after the last byte is only named', async () => {
    const { target, get } = setting();
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(`${target}.partial`, content);
    writeFileSync(
      `${target}.partial.json`,
      JSON.stringify({ url: `${server.origin}/models/${count}/net.pth`, etag: '"1"' }),
    );
    await expect(get()).resolves.toEqual({ bytes: content.length, sha256: sha256(content) });
    expect(server.asked).toHaveLength(1);
  });

  it('leaves a part of another address alone', async () => {
    const { target, get } = setting();
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(`${target}.partial`, bytesOf(3, 1000));
    writeFileSync(`${target}.partial.json`, JSON.stringify({ url: `${server.origin}/other`, etag: '"1"' }));
    await get();
    expect(readFileSync(target).equals(content)).toBe(true);
  });
});

describe('a connection that stalls', () => {
  it('is made anew and goes on', async () => {
    const { target, get, ranges } = setting({ stalls: [80_000, undefined] });
    const notes: string[] = [];
    await get({ stall: 1, note: (text) => notes.push(text) });
    expect(notes).toEqual(['net.pth: nothing arrived for 1 s; trying again in 0.01 s']);
    expect(ranges()).toEqual([undefined, 'bytes=80000-']);
    expect(readFileSync(target).equals(content)).toBe(true);
  });

  it('for ever is given up', async () => {
    const { get } = setting({ stalls: [0, 0, 0] });
    await expect(get({ stall: 0.1, retries: 2 })).rejects.toThrow('nothing arrived for 0.1 s');
    expect(server.asked).toHaveLength(3);
  });
});

describe('an abort', () => {
  it('keeps what has arrived, and the same call goes on', async () => {
    const { target, get, here, serve } = setting({ stalls: [90_000] });
    const controller = new AbortController();
    const reason = new DOMException('interrupted', 'AbortError');
    const progress = ({ done }: DownloadProgress) => {
      if (done === 90_000) controller.abort(reason);
    };
    await expect(get({ signal: controller.signal, progress })).rejects.toBe(reason);
    expect(here()).toEqual(['net.pth.partial', 'net.pth.partial.json']);
    expect(statSync(`${target}.partial`).size).toBe(90_000);
    serve({});
    await get({ expected: { sha256: sha256(content) } });
    expect(server.asked).toMatchObject([{ range: 'bytes=90000-' }]);
    expect(readFileSync(target).equals(content)).toBe(true);
  });

  it('also ends waiting for another attempt', async () => {
    const { get } = setting({ statuses: [500] });
    const controller = new AbortController();
    const note = () => controller.abort();
    await expect(get({ signal: controller.signal, note, backoff: 60 })).rejects.toMatchObject({ name: 'AbortError' });
  });
});

describe('a redirect', () => {
  it('is followed, and resumed from the first address', async () => {
    const { target, url } = setting({ cuts: [60_000] });
    const from = server.serve('/from', { content, location: new URL(url).pathname });
    await download(from, target, { backoff: 0.01, progress: ({ done }) => server.reached(done) });
    expect(server.asked.map(({ path }) => path)).toEqual([
      '/from',
      new URL(url).pathname,
      '/from',
      new URL(url).pathname,
    ]);
    expect(readFileSync(target).equals(content)).toBe(true);
  });

  it('in a circle is an error', async () => {
    const loop = server.serve('/loop', { content, location: '/loop' });
    await expect(download(loop, at('loop/net.pth'))).rejects.toThrow(`${loop} leads through more than 10 redirects`);
    expect(server.asked).toHaveLength(11);
  });

  it('to no address is an error', async () => {
    const url = server.serve('/nowhere', { content, location: 'http://[' });
    await expect(download(url, at('nowhere/net.pth'))).rejects.toThrow(
      /redirected to "http:\/\/\[", which is not an address/,
    );
  });
});

describe('a wrong answer', () => {
  const cases: [string, Partial<Behaviour>, RegExp, number][] = [
    ['404', { statuses: [404] }, /is not there \(status 404\): the file may have moved.*--mirror.*rosetta zoo add/, 1],
    ['403', { statuses: [403] }, /refuses access \(status 403\)/, 1],
    ['500', { statuses: [500, 503, 500, 502, 500, 500] }, /cannot be downloaded: the server fails \(status 500\)/, 5],
    ['204', { statuses: [204] }, /answers with status 204 instead of the file/, 1],
    [
      'a web page',
      { content: Buffer.from('<!DOCTYPE html><p>Log in'), type: 'text/html; charset=utf-8' },
      /a web page/,
      1,
    ],
    ['a web page that does not say so', { content: Buffer.from('\n<!DOCTYPE html><p>Log in') }, /a web page/, 1],
    ['an error as XML', { content: Buffer.from('<?xml version="1.0"?><Error/>') }, /a web page/, 1],
  ];
  it.each(cases)('%s is told, and leaves no file', async (_, behaviour, message, requests) => {
    const { get, here } = setting(behaviour);
    await expect(get()).rejects.toThrow(message);
    expect(server.asked).toHaveLength(requests);
    expect(here()).toEqual([]);
  });

  it('that passes is waited for', async () => {
    const { target, get } = setting({ statuses: [503, 429] });
    await get();
    expect(readFileSync(target).equals(content)).toBe(true);
  });

  it.each([
    ['SHA-256', { sha256: 'afeb0e10' }, /its SHA256 is [0-9a-f]{64}, afeb0e10 was expected/],
    ['MD5', { md5: '8cad7c' }, /its MD5 is [0-9a-f]{32}, 8cad7c was expected/],
    ['size', { bytes: 5 }, /it has 300000 bytes, 5 were expected/],
  ])('with another %s leaves no file', async (_, expected, message) => {
    const { get, here } = setting();
    await expect(get({ expected })).rejects.toThrow(message);
    expect(here()).toEqual([]);
  });

  it('that is longer than published, without saying so, is ended and leaves no file', async () => {
    const { get, here } = setting({ length: 'none' });
    await expect(get({ expected: { bytes: 1000 } })).rejects.toThrow(/is not the published file: it is longer/);
    expect(here()).toEqual([]);
  });

  it('that is shorter than published, without saying so, is gone on with', async () => {
    const { target, get, serve, here } = setting({ content: content.subarray(0, 1000), length: 'none' });
    const expected = { bytes: content.length };
    await expect(get({ expected, retries: 0 })).rejects.toThrow('the connection ended after 1000 of 300000 bytes');
    expect(here()).toEqual(['net.pth.partial', 'net.pth.partial.json']);
    serve({});
    await get({ expected });
    expect(readFileSync(target).equals(content)).toBe(true);
  });
});

describe('where nobody answers', () => {
  it.each([
    ['a closed port', 'http://127.0.0.1:9/net.pth', /127\.0\.0\.1:9 takes no connections/],
    [
      'a name that is none',
      'http://no-such-host.invalid/net.pth',
      /the name no-such-host\.invalid is not found.*HTTPS_PROXY/,
    ],
  ])('%s is told at once', async (_, url, message) => {
    await expect(download(url, at('silent/net.pth'), { backoff: 60 })).rejects.toThrow(message);
  });
});

describe('the disk', () => {
  it.skipIf(getuid?.() === 0)('that may not be written to is told (skipped for root, who may)', async () => {
    const folder = at('locked');
    mkdirSync(folder);
    chmodSync(folder, 0o500);
    await expect(download(server.serve('/x', whole), `${folder}/net.pth`)).rejects.toThrow(
      /cannot write .*locked.*: permission is denied/,
    );
  });

  it('whose folder is a file is told', async () => {
    writeFileSync(at('file'), '');
    await expect(download(server.serve('/x', whole), at('file/net.pth'))).rejects.toThrow(/cannot write to .*file/);
  });

  it('that is too small is told before anything is written', async () => {
    const huge = 2 ** 60;
    const { target, here } = setting();
    const url = server.serve('/huge', { content, statuses: [] });
    const { createServer } = await import('node:http');
    const lying = createServer((_, response) => response.writeHead(200, { 'content-length': huge }).write('x'));
    await new Promise<void>((done) => lying.listen(0, '127.0.0.1', done));
    const { port } = lying.address() as { port: number };
    await expect(download(`http://127.0.0.1:${port}/${new URL(url).pathname}`, target)).rejects.toThrow(
      /needs \d+ MiB more, the disk has \d+ MiB free; free some space, or choose another folder with --cache/,
    );
    lying.closeAllConnections();
    lying.close();
    expect(here()).toEqual([]);
  });
});

describe('a proxy', () => {
  it('is asked in its own form for plain addresses', async () => {
    const proxy = await proxyServer();
    process.env.http_proxy = proxy.origin;
    const { target, url, get } = setting();
    await get();
    expect(proxy.asked).toEqual([`GET ${url}`]);
    expect(readFileSync(target).equals(content)).toBe(true);
  });

  it('is not asked for hosts that are excepted', async () => {
    const proxy = await proxyServer();
    process.env.http_proxy = proxy.origin;
    process.env.no_proxy = '127.0.0.1';
    await setting().get();
    expect(proxy.asked).toEqual([]);
  });

  it('is asked for a tunnel to secure addresses, and its refusal is told', async () => {
    const proxy = await proxyServer(true);
    process.env.https_proxy = proxy.origin;
    await expect(download('https://models.example/net.pth', at('tunnel/net.pth'))).rejects.toThrow(
      /the proxy does not let through to models\.example \(status 403\)/,
    );
    expect(proxy.asked).toEqual(['CONNECT models.example:443']);
  });

  it('that is no address is told', async () => {
    process.env.http_proxy = 'nonsense';
    await expect(setting().get()).rejects.toThrow(/the proxy in HTTP_PROXY or HTTPS_PROXY is not usable/);
  });
});

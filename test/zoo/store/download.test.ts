// Downloads from a server that cuts, stalls, redirects, lies and fails: what is kept, what is resumed, what is said.

import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { getuid } from 'node:process';
import { afterEach, describe, expect, it } from 'vitest';
import { download, type DownloadOptions, type DownloadProgress } from '../../../src/zoo/store/node/download.ts';
import { proxyFor } from '../../../src/zoo/store/node/proxy.ts';
import { retryAfter } from '../../../src/zoo/store/node/request.ts';
import { fileServer, muteServer, proxyServer, type Behaviour } from './file-server.ts';
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
      async onProgress(now) {
        await options.onProgress?.(now);
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
    const got = await get({ onProgress: (now) => void seen.push(now) });
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
    await get({ onProgress: (now) => void seen.push(now) });
    expect(readFileSync(target).equals(content)).toBe(true);
    expect(seen.at(-1)?.total).toBe(Infinity);
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

describe('a body that arrives at once', () => {
  it.each([150, 5000])('compressed and short of its end, of %i bytes, is an error to the caller', async (length) => {
    const { get, here } = setting({ content: bytesOf(4, length), gzip: true, missing: 10 });
    await expect(get({ retries: 1 })).rejects.toThrow(
      /cannot be downloaded: what 127\.0\.0\.1:\d+ sends cannot be unpacked \(unexpected end of file\)/,
    );
    expect(server.asked).toHaveLength(2);
    expect(here()).not.toContain('net.pth');
  });

  it.each<[string, Partial<Behaviour>, RegExp, number]>([
    ['says so', {}, /is an empty file; try another --mirror/, 1],
    ['does not', { length: 'none' }, /cannot be downloaded: the connection ended before the first byte/, 3],
  ])('empty, where the server %s, becomes no file', async (_, behaviour, message, requests) => {
    const { get, here } = setting({ content: Buffer.alloc(0), ...behaviour });
    await expect(get({ retries: 2 })).rejects.toThrow(message);
    expect(server.asked).toHaveLength(requests);
    expect(here()).toEqual([]);
  });
});

describe('a link where the parts are kept', () => {
  const linked = (name: string, link: typeof linkSync) => {
    const it = setting({ cuts: [120_000] });
    mkdirSync(dirname(it.target), { recursive: true });
    const other = at(`other${count}`);
    writeFileSync(other, 'of the user');
    link(other, `${it.target}${name}`);
    return { ...it, other };
  };

  it.each([
    ['.partial', 'symbolic', symlinkSync],
    ['.partial', 'hard', linkSync],
    ['.partial.json', 'symbolic', symlinkSync],
    ['.partial.json', 'hard', linkSync],
  ] as const)('%s, %s, is replaced; what it leads to stays', async (name, _, link) => {
    const { get, other, target, here } = linked(name, link);
    await get();
    expect(readFileSync(other, 'utf8')).toBe('of the user');
    expect(readFileSync(target).equals(content)).toBe(true);
    expect(here()).toEqual(['net.pth']);
  });

  it.each([
    ['symbolic', symlinkSync],
    ['hard', linkSync],
  ] as const)('%s, is not gone on with', async (_, link) => {
    const { get, other, target, url } = linked('.partial', link);
    writeFileSync(`${target}.partial.json`, JSON.stringify({ url, etag: '"1"' }));
    await get();
    expect(readFileSync(other, 'utf8')).toBe('of the user');
    expect(readFileSync(target).equals(content)).toBe(true);
    expect(server.asked[0].range).toBeUndefined();
  });
});

describe('a version that is damaged', () => {
  it.each(['null', '{"url": 1}', '[', '{"url": "URL", "etag": 5}', '{"url": "URL", "etag": "a\\nb"}'])(
    '%s, starts over',
    async (text) => {
      const { get, target, url } = setting();
      mkdirSync(dirname(target), { recursive: true });
      writeFileSync(`${target}.partial`, 'x');
      writeFileSync(`${target}.partial.json`, text.replace('URL', url));
      await get({ retries: 0 });
      expect(readFileSync(target).equals(content)).toBe(true);
    },
  );
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

  it('is given up when each attempt brings next to nothing', async () => {
    const { get } = setting({ cuts: Array<number>(9).fill(1) });
    await expect(get({ retries: 3 })).rejects.toThrow(/cannot be downloaded: .*broke/);
    expect(server.asked.map(({ range }) => range)).toEqual([undefined, 'bytes=1-', 'bytes=2-', 'bytes=3-']);
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

describe('a connection that is never made', () => {
  it('is given up', async () => {
    const url = `${await muteServer()}/net.pth`;
    const options = { stall: 0.1, retries: 1, backoff: 0.01 };
    await expect(download(url, at(`mute${++count}/net.pth`), options)).rejects.toThrow('nothing arrived for 0.1 s');
  });

  it('is ended by an abort', async () => {
    const url = `${await muteServer()}/net.pth`;
    const controller = new AbortController();
    const ended = download(url, at(`mute${++count}/net.pth`), { signal: controller.signal });
    setImmediate(() => controller.abort());
    await expect(ended).rejects.toMatchObject({ name: 'AbortError' });
  });

  it('is not even tried after an abort', async () => {
    const url = `${await muteServer()}/net.pth`;
    const ended = download(url, at(`mute${++count}/net.pth`), { signal: AbortSignal.abort() });
    await expect(ended).rejects.toMatchObject({ name: 'AbortError' });
  });

  it('because the server knows no secure connections is told', async () => {
    const url = server.origin.replace('http:', 'https:');
    await expect(download(url, at(`plain${++count}/net.pth`), { backoff: 60 })).rejects.toThrow(
      /no secure connection to 127\.0\.0\.1:\d+ \(wrong version number\)/,
    );
  });
});

describe('a connection that trickles', () => {
  it('is given up', async () => {
    const { get } = setting({ trickle: 10 });
    await expect(get({ stall: 0.2, retries: 1 })).rejects.toThrow(/only \d+ bytes arrived for 0\.2 s/);
    expect(server.asked).toHaveLength(2);
  });

  it('may take as long as it likes at a rate that is enough', async () => {
    const { get } = setting({ content: content.subarray(0, 65), trickle: 20 });
    await get({ stall: 1, leastRate: 2, retries: 0 });
  });
});

describe('an abort', () => {
  it('keeps what has arrived, and the same call goes on', async () => {
    const { target, get, here, serve } = setting({ stalls: [90_000] });
    const controller = new AbortController();
    const reason = new DOMException('interrupted', 'AbortError');
    const onProgress = ({ done }: DownloadProgress) => {
      if (done === 90_000) controller.abort(reason);
    };
    await expect(get({ signal: controller.signal, onProgress })).rejects.toBe(reason);
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
    await download(from, target, { backoff: 0.01, onProgress: ({ done }) => server.reached(done) });
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

  it('that names a time is waited for until then', async () => {
    const headers = { date: 'Fri, 27 Nov 2026 12:00:00 GMT', 'retry-after': 'Fri, 27 Nov 2026 12:00:07 GMT' };
    const { get } = setting({ statuses: [503], headers });
    const controller = new AbortController();
    const notes: string[] = [];
    const note = (text: string) => {
      notes.push(text);
      controller.abort();
    };
    await expect(get({ note, signal: controller.signal })).rejects.toMatchObject({ name: 'AbortError' });
    expect(notes).toEqual(['net.pth: the server fails (status 503); trying again in 7 s']);
  });

  it.each([
    ['3', 3],
    ['0', 0],
    ['-5', 0],
    ['86400', 60],
    ['Fri, 27 Nov 2026 12:00:30 GMT', 30],
    ['Friday, 27-Nov-26 12:00:30 GMT', 30],
    ['Fri, 27 Nov 2026 11:00:00 GMT', 0],
    ['Sat, 28 Nov 2026 12:00:00 GMT', 60],
    ['soon', 0],
    ['', 0],
  ])('with Retry-After: %s waits %i s', (text, seconds) => {
    expect(retryAfter(text, 'Fri, 27 Nov 2026 12:00:00 GMT')).toBe(seconds);
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
      /cannot write .*locked.*: permission denied/,
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
    const proxy = await proxyServer(403);
    process.env.https_proxy = proxy.origin;
    await expect(download('https://models.example/net.pth', at('tunnel/net.pth'))).rejects.toThrow(
      `the proxy ${proxy.origin} does not let through to models.example (status 403); check https_proxy`,
    );
    expect(proxy.asked).toEqual(['CONNECT models.example:443']);
  });

  it.each([
    ['nonsense', 'http_proxy holds no address'],
    ['localhost:3128', 'http_proxy holds no address'],
    ['socks5://127.0.0.1:1080', 'http_proxy names a proxy of the kind "socks5"'],
    ['socks://127.0.0.1:1080', 'http_proxy names a proxy of the kind "socks"'],
    ['ftp://127.0.0.1:1080', 'http_proxy names a proxy of the kind "ftp"'],
    ['http://%ff:x@127.0.0.1:1080', 'http_proxy cannot be used'],
  ])('%s is told with its variable', async (proxy, message) => {
    process.env.http_proxy = proxy;
    await expect(setting().get({ backoff: 60 })).rejects.toThrow(message);
  });

  const secure = 'https://models.example/net.pth';
  const plain = 'http://models.example/net.pth';

  it.each([secure, plain])('that wants a password is told once, for %s', async (url) => {
    const proxy = await proxyServer(407);
    const { host } = new URL(proxy.origin);
    process.env.HTTP_PROXY = proxy.origin;
    const target = at(`locked${++count}/net.pth`);
    await expect(download(url, target, { backoff: 60 })).rejects.toThrow(
      `the proxy ${proxy.origin} wants a name and a password (status 407); set HTTP_PROXY to http://NAME:PASSWORD@${host}`,
    );
    expect(proxy.asked).toHaveLength(1);
    process.env.HTTP_PROXY = `http://me:secret@${host}`;
    const refused = download(url, target, { backoff: 60 });
    await expect(refused).rejects.toThrow(/refuses the name and password in HTTP_PROXY \(status 407\)/);
    await expect(refused).rejects.not.toThrow('secret');
  });

  it.each([secure, plain])('that takes no connections is told at once, for %s', async (url) => {
    process.env.HTTP_PROXY = 'http://me:secret@127.0.0.1:9';
    await expect(download(url, at(`dead${++count}/net.pth`), { backoff: 60 })).rejects.toThrow(
      'the proxy http://127.0.0.1:9 takes no connections; correct or unset HTTP_PROXY, or except models.example with NO_PROXY',
    );
  });

  it('that is not found is told at once', async () => {
    process.env.https_proxy = 'http://no-such-proxy.invalid:3128';
    await expect(download(secure, at(`dead${++count}/net.pth`), { backoff: 60 })).rejects.toThrow(
      'the proxy http://no-such-proxy.invalid:3128 is not found; correct or unset https_proxy',
    );
  });

  it.each([secure, plain])('that never answers is named, for %s', async (url) => {
    const proxy = await proxyServer('silent');
    process.env.http_proxy = proxy.origin;
    await expect(download(url, at(`silent${++count}/net.pth`), { stall: 0.1, retries: 0 })).rejects.toThrow(
      `nothing arrived for 0.1 s through the proxy ${proxy.origin}`,
    );
  });

  it('that fails for now is tried again', async () => {
    const proxy = await proxyServer(502);
    process.env.http_proxy = proxy.origin;
    await expect(download(secure, at(`bad${++count}/net.pth`), { backoff: 0.01, retries: 2 })).rejects.toThrow(
      /does not let through to models\.example \(status 502\)/,
    );
    expect(proxy.asked).toHaveLength(3);
  });

  const environment = { HTTP_PROXY: 'http://plain:1', HTTPS_PROXY: 'http://secure:2' };
  it.each([
    [plain, environment, 'HTTP_PROXY'],
    [secure, environment, 'HTTPS_PROXY'],
    [secure, { HTTP_PROXY: 'http://plain:1' }, 'HTTP_PROXY'],
    [plain, { HTTPS_PROXY: 'http://secure:2' }, undefined],
    [plain, { ...environment, http_proxy: 'http://small:3' }, 'http_proxy'],
    [plain, { ...environment, http_proxy: '' }, undefined],
    [plain, { ...environment, NO_PROXY: '*' }, undefined],
    [plain, { ...environment, NO_PROXY: 'models.example' }, undefined],
    [plain, { ...environment, NO_PROXY: 'a.example, example' }, undefined],
    [plain, { ...environment, NO_PROXY: '.Example' }, undefined],
    [plain, { ...environment, NO_PROXY: '*.example:80' }, undefined],
    [plain, { ...environment, NO_PROXY: 'models.example:81' }, 'HTTP_PROXY'],
    [plain, { ...environment, NO_PROXY: 'dels.example,' }, 'HTTP_PROXY'],
    [secure, { ...environment, NO_PROXY: 'models.example:443' }, undefined],
  ])('for %s with %j is that of %s', (url, variables, variable) => {
    expect(proxyFor(new URL(url), variables)?.variable).toBe(variable);
  });
});

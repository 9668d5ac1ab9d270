// One request for a file over HTTP: redirects, stalls, encodings, and what the answers mean.
// It writes nothing and asks once; resuming and trying again are in download.ts.

import { pipeline, type Readable, type Transform } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';
import { request } from 'undici';
import { messageOf, UserError } from '../../../errors.ts';
import { errorCode } from '../../../files/node/system-error.ts';
import { program } from '../../../program.ts';
import type { Connections, Proxy } from './proxy.ts';

/** A trouble that may pass: the connection, or the server for now. */
export class PassingError extends Error {
  /**
   * @param unreachable whether nothing answered at all: not worth waiting for unless it has answered before.
   * @param wait seconds after which the server wants to be asked again.
   */
  constructor(
    message: string,
    readonly unreachable = false,
    readonly wait = 0,
  ) {
    super(message);
  }
}

export interface RequestOptions {
  readonly connections: Connections;
  readonly headers: Readonly<Record<string, string>>;
  /** Seconds that an answer may take, and its body for each `stall * leastRate` bytes. */
  readonly stall: number;
  /** Bytes per second. */
  readonly leastRate: number;
  readonly signal?: AbortSignal;
}

export interface Answer {
  /** 200, 206 (a part) or 416 (the part that was asked for is not there). */
  readonly status: number;
  /** The value of a header, by its lower-case name. */
  header(name: string): string | undefined;
  /** Whether the body was sent encoded: then lengths and parts are those of the encoded bytes. */
  readonly encoded: boolean;
  /** The body, decoded. Throws `PassingError` when it is cut or stalls. */
  readonly body: AsyncIterable<Uint8Array>;
  /** Ends the connection, whether the body was read or not. */
  discard(): void;
}

const mostRedirects = 10;

/**
 * Asks for a file; redirects are followed.
 * @throws PassingError, or UserError when asking again is of no use.
 */
export async function ask(url: string, options: RequestOptions): Promise<Answer> {
  let address = new URL(url);
  for (let redirects = 0; redirects <= mostRedirects; redirects++) {
    const answer = await askOnce(address, options);
    const location = answer.status >= 300 && answer.status < 400 ? answer.header('location') : undefined;
    if (location === undefined) return checked(answer, address, options.connections.to(address).proxy);
    answer.discard();
    address = redirected(address, location);
  }
  throw new UserError(`${url} leads through more than ${mostRedirects} redirects; name another source with --mirror`);
}

function redirected(from: URL, location: string): URL {
  let to: URL;
  try {
    to = new URL(location, from);
  } catch {
    throw new UserError(
      `${from} is redirected to "${location}", which is not an address; name another source with --mirror`,
    );
  }
  if (to.protocol !== 'https:' && to.protocol !== from.protocol) {
    throw new UserError(`${from} is redirected to ${to}, which is not secure; name another source with --mirror`);
  }
  return to;
}

async function askOnce(address: URL, options: RequestOptions): Promise<Answer> {
  const { connections, headers, stall, leastRate, signal } = options;
  signal?.throwIfAborted(); // an abort of before tells no listener
  const { dispatcher, proxy } = connections.to(address);
  const dead = new AbortController();
  const either = signal ? AbortSignal.any([signal, dead.signal]) : dead.signal;
  // A request that waits for its connection does not hear of an abort.
  const aborted = new Promise<never>((_, reject) => {
    either.addEventListener('abort', () => reject(new Error('aborted')), { once: true });
  });
  aborted.catch(unheard);
  const way = proxy ? ` through the proxy ${proxy.shown}` : '';
  // Of the present window: time counts only while the network is waited for, not while the disk is.
  let waited = 0;
  let arrived = 0;
  const inTime = async <T>(work: () => Promise<T>): Promise<T> => {
    const start = performance.now();
    const timer = setTimeout(() => dead.abort(), Math.max(0, stall * 1000 - waited));
    try {
      return await Promise.race([work(), aborted]);
    } catch (error) {
      signal?.throwIfAborted();
      if (!dead.signal.aborted) throw explained(error, address, proxy);
      throw new PassingError(`${arrived ? `only ${arrived} bytes` : 'nothing'} arrived for ${stall} s${way}`);
    } finally {
      clearTimeout(timer);
      waited += performance.now() - start;
    }
  };
  const sent = { 'user-agent': `${program.name}/${program.version}`, 'accept-encoding': 'identity', ...headers };
  const reply = await inTime(() => request(address, { dispatcher, headers: sent, signal: either }));
  waited = 0;
  const count = (bytes: number): void => {
    arrived += bytes;
    if (arrived >= stall * leastRate) waited = arrived = 0;
  };
  const header = (name: string): string | undefined => [reply.headers[name] ?? []].flat()[0];
  const encoding = header('content-encoding')?.trim().toLowerCase() ?? 'identity';
  // Ended early on purpose, a body fails with nobody there to hear of it.
  reply.body.on('error', unheard);
  return {
    status: reply.statusCode,
    header,
    encoded: encoding !== 'identity',
    body: chunks(decoded(reply.body, encoding, address), inTime, count),
    discard: () => void reply.body.destroy(),
  };
}

const unheard = (): void => {};

async function* chunks(
  body: Readable,
  inTime: <T>(work: () => Promise<T>) => Promise<T>,
  count: (bytes: number) => void,
): AsyncGenerator<Uint8Array> {
  const iterator: AsyncIterator<Uint8Array> = body[Symbol.asyncIterator]();
  for (;;) {
    const next = await inTime(() => iterator.next());
    if (next.done) return;
    count(next.value.length);
    yield next.value;
  }
}

const decoders = new Map<string, () => Transform>([
  ['gzip', createGunzip],
  ['x-gzip', createGunzip],
  ['deflate', createInflate],
  ['br', createBrotliDecompress],
]);

function decoded(body: Readable, encoding: string, address: URL): Readable {
  if (encoding === 'identity') return body;
  const decoder = decoders.get(encoding)?.();
  if (!decoder) {
    body.destroy();
    throw new UserError(
      `${address} is sent in the encoding "${encoding}", which was not asked for; try another --mirror`,
    );
  }
  // A short body that is cut fails before it is read; the reader is told then.
  decoder.on('error', unheard);
  return pipeline(body, decoder, unheard);
}

/** The same answer, when it is one with a file; else what its status means. */
function checked(answer: Answer, address: URL, proxy: Proxy | undefined): Answer {
  const { status } = answer;
  if (status === 200 || status === 206 || status === 416) return answer;
  answer.discard();
  const otherwise =
    'Name another source with --mirror, or download the file by other means and register it with "rosetta zoo add"';
  if (status === 404 || status === 410)
    throw new UserError(`${address} is not there (status ${status}): the file may have moved. ${otherwise}`);
  if (status === 401 || status === 403)
    throw new UserError(`${address} refuses access (status ${status}). ${otherwise}`);
  if (status === 407 && proxy) throw lockedProxy(proxy);
  if (status === 408 || status === 429 || status >= 500) {
    const wait = retryAfter(answer.header('retry-after'), answer.header('date'));
    throw new PassingError(`the server fails (status ${status})`, false, wait);
  }
  throw new UserError(`${address} answers with status ${status} instead of the file. ${otherwise}`);
}

/** Whatever a server wants, it is asked again after so many seconds. */
const longestWait = 60;

/**
 * Seconds that a server wants to be left alone, 0 to 60, 0 where it does not say.
 * @param text of the header Retry-After: seconds, or a date.
 * @param date of the header Date: the server's clock; default ours.
 */
export function retryAfter(text = '', date = ''): number {
  const seconds = /^\s*\d+\s*$/.test(text)
    ? Number(text)
    : (Date.parse(text) - (Date.parse(date) || Date.now())) / 1000;
  return Math.min(longestWait, Math.max(0, seconds || 0));
}

const lockedProxy = ({ shown, variable, address: { protocol, host, username } }: Proxy): UserError =>
  new UserError(
    username
      ? `the proxy ${shown} refuses the name and password in ${variable} (status 407); correct them`
      : `the proxy ${shown} wants a name and a password (status 407); set ${variable} to ${protocol}//NAME:PASSWORD@${host}`,
  );

/** What a failure of the network means. */
function explained(error: unknown, { host }: URL, proxy: Proxy | undefined): Error {
  if (error instanceof UserError || error instanceof PassingError) return error;
  const [code, message] = [errorCode(error) ?? '', messageOf(error)];
  if (proxy) {
    const status = /^Proxy .*\((\d{3})\)/.exec(message)?.[1];
    const told = `the proxy ${proxy.shown} does not let through to ${host} (status ${status})`;
    if (status === '407') return lockedProxy(proxy);
    if (status?.startsWith('5')) return new PassingError(told);
    if (status) return new UserError(`${told}; check ${proxy.variable}, or except ${host} with NO_PROXY`);
  }
  if (/CERT|SELF_SIGNED|UNABLE_TO/.test(code))
    return new UserError(
      `the certificate of ${host} is not accepted (${message}). Where a proxy replaces certificates, name its own in NODE_EXTRA_CA_CERTS`,
    );
  if (/SSL|TLS|EPROTO/.test(code)) {
    const reason =
      error instanceof Error && 'reason' in error && typeof error.reason === 'string' ? error.reason : message;
    return new UserError(
      `no secure connection to ${host}${proxy ? ` through the proxy ${proxy.shown}` : ''} (${reason.trim()}); check the address`,
    );
  }
  if (/^Z_/.test(code)) return new PassingError(`what ${host} sends cannot be unpacked (${message})`);
  // Behind a proxy, only the proxy is connected to.
  const peer = proxy ? `the proxy ${proxy.shown}` : host;
  const remedy = proxy && `; correct or unset ${proxy.variable}, or except ${host} with NO_PROXY`;
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN')
    return new PassingError(
      proxy
        ? `${peer} is not found${remedy}`
        : `the name ${host} is not found; check the connection, and HTTPS_PROXY if there is a proxy`,
      true,
    );
  if (code === 'ECONNREFUSED') return new PassingError(`${peer} takes no connections${remedy ?? ''}`, true);
  if (code === 'ENETUNREACH' || code === 'EHOSTUNREACH')
    return new PassingError(`${peer} cannot be reached${remedy ?? ''}`, true);
  const way = proxy ? ` through ${peer}` : '';
  return new PassingError(`the connection to ${host}${way} broke (${message || code})`);
}

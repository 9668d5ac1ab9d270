// One request for a file over HTTP: redirects, proxies, stalls, encodings, and what the answers mean.
// It writes nothing and asks once; resuming and trying again are in download.ts.

import { pipeline, type Readable } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';
import { EnvHttpProxyAgent, request, type Dispatcher } from 'undici';
import { UserError } from '../../../errors.ts';
import { program } from '../../../program.ts';

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
  readonly dispatcher: Dispatcher;
  readonly headers: Readonly<Record<string, string>>;
  /** Seconds without a byte after which the connection counts as dead. */
  readonly stall: number;
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
 * Connections that honour HTTP_PROXY, HTTPS_PROXY and NO_PROXY.
 * @throws UserError when one of them is no address.
 */
export function connections(): Dispatcher {
  try {
    // Without a tunnel for plain HTTP, which many proxies grant to port 443 only.
    return new EnvHttpProxyAgent({ headersTimeout: 0, bodyTimeout: 0, connect: { timeout: 0 }, proxyTunnel: false });
  } catch (error) {
    throw new UserError(
      `the proxy in HTTP_PROXY or HTTPS_PROXY is not usable (${(error as Error).message}); an address such as http://proxy.example:3128 is expected`,
    );
  }
}

/**
 * Asks for a file; redirects are followed.
 * @throws PassingError, or UserError when asking again is of no use.
 */
export async function ask(url: string, options: RequestOptions): Promise<Answer> {
  let address = new URL(url);
  for (let redirects = 0; redirects <= mostRedirects; redirects++) {
    const answer = await askOnce(address, options);
    const location = answer.status >= 300 && answer.status < 400 ? answer.header('location') : undefined;
    if (location === undefined) return checked(answer, address);
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

async function askOnce(address: URL, { dispatcher, headers, stall, signal }: RequestOptions): Promise<Answer> {
  const dead = new AbortController();
  const either = signal ? AbortSignal.any([signal, dead.signal]) : dead.signal;
  // Time counts only while the network is waited for, not while the disk is.
  const inTime = async <T>(work: () => Promise<T>): Promise<T> => {
    const timer = setTimeout(() => dead.abort(), stall * 1000);
    try {
      return await work();
    } catch (error) {
      signal?.throwIfAborted();
      if (dead.signal.aborted) throw new PassingError(`nothing arrived for ${stall} s`);
      throw explained(error, address);
    } finally {
      clearTimeout(timer);
    }
  };
  const sent = { 'user-agent': `${program.name}/${program.version}`, 'accept-encoding': 'identity', ...headers };
  const reply = await inTime(() => request(address, { dispatcher, headers: sent, signal: either }));
  const header = (name: string): string | undefined => [reply.headers[name] ?? []].flat()[0];
  const encoding = header('content-encoding')?.trim().toLowerCase() ?? 'identity';
  // Ended early on purpose, a body fails with nobody there to hear of it.
  reply.body.on('error', () => {});
  return {
    status: reply.statusCode,
    header,
    encoded: encoding !== 'identity',
    body: chunks(decoded(reply.body, encoding, address), inTime),
    discard: () => void reply.body.destroy(),
  };
}

async function* chunks(body: Readable, inTime: <T>(work: () => Promise<T>) => Promise<T>): AsyncGenerator<Uint8Array> {
  const iterator = body[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
  for (;;) {
    const next = await inTime(() => iterator.next());
    if (next.done) return;
    yield next.value;
  }
}

function decoded(body: Readable, encoding: string, address: URL): Readable {
  if (encoding === 'identity') return body;
  const decoders = new Map<string, () => NodeJS.ReadWriteStream>([
    ['gzip', createGunzip],
    ['x-gzip', createGunzip],
    ['deflate', createInflate],
    ['br', createBrotliDecompress],
  ]);
  const decoder = decoders.get(encoding)?.();
  if (!decoder) {
    body.destroy();
    throw new UserError(
      `${address} is sent in the encoding "${encoding}", which was not asked for; try another --mirror`,
    );
  }
  return pipeline(body, decoder, () => {}) as unknown as Readable;
}

/** The same answer, when it is one with a file; else what its status means. */
function checked(answer: Answer, address: URL): Answer {
  const { status } = answer;
  if (status === 200 || status === 206 || status === 416) return answer;
  answer.discard();
  const otherwise =
    'Name another source with --mirror, or download the file by other means and register it with "rosetta zoo add"';
  if (status === 404 || status === 410)
    throw new UserError(`${address} is not there (status ${status}): the file may have moved. ${otherwise}`);
  if (status === 401 || status === 403)
    throw new UserError(`${address} refuses access (status ${status}). ${otherwise}`);
  if (status === 407)
    throw new UserError(
      'the proxy wants a name and a password (status 407); give them as http://NAME:PASSWORD@HOST in HTTPS_PROXY',
    );
  if (status === 408 || status === 429 || status >= 500)
    throw new PassingError(`the server fails (status ${status})`, false, Number(answer.header('retry-after')) || 0);
  throw new UserError(`${address} answers with status ${status} instead of the file. ${otherwise}`);
}

/** What a failure of the network means. */
function explained(error: unknown, { host }: URL): Error {
  if (error instanceof UserError || error instanceof PassingError) return error;
  const { code = '', message } = error as NodeJS.ErrnoException;
  const proxy = /Proxy response \((\d+)\)/.exec(message);
  if (proxy)
    return new UserError(
      `the proxy does not let through to ${host} (status ${proxy[1]}); check HTTPS_PROXY, or except ${host} with NO_PROXY`,
    );
  if (/CERT|TLS|SELF_SIGNED|UNABLE_TO|SSL/.test(code))
    return new UserError(
      `the certificate of ${host} is not accepted (${message}). Where a proxy replaces certificates, name its own in NODE_EXTRA_CA_CERTS`,
    );
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN')
    return new PassingError(
      `the name ${host} is not found; check the connection, and HTTPS_PROXY if there is a proxy`,
      true,
    );
  if (code === 'ECONNREFUSED') return new PassingError(`${host} takes no connections`, true);
  if (code === 'ENETUNREACH' || code === 'EHOSTUNREACH') return new PassingError(`${host} cannot be reached`, true);
  return new PassingError(`the connection to ${host} broke (${message || code})`);
}

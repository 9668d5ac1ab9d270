// A small HTTP server that fails as it is told to, and a proxy, for the tests of downloads.
// It is no test itself.

import { createServer, request as forward, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { connect, createServer as createRawServer, type AddressInfo, type Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterAll } from 'vitest';

export interface Behaviour {
  content: Buffer;
  etag?: string;
  modified?: string;
  /**
   * Bytes of a body after which the connection is cut, for each request in turn; undefined sends all. It is cut when
   * `reached` tells that they have arrived: what is still on its way would be lost.
   */
  cuts?: (number | undefined)[];
  /** The same for bodies that stop without an end. */
  stalls?: (number | undefined)[];
  ranges?: boolean;
  /** 'honest': of what is sent; 'none': the connection's end is that of the body. */
  length?: 'honest' | 'none';
  gzip?: boolean;
  /** Bytes that a body lacks at its end, although its length says that it is whole. */
  missing?: number;
  /** Milliseconds between two bytes of a body. */
  trickle?: number;
  type?: string;
  /** Statuses of the first requests, which have no file. */
  statuses?: number[];
  /** Headers of these. */
  headers?: Record<string, string>;
  /** Where requests are redirected to. */
  location?: string;
  /** Ranges are honoured whatever If-Range says. */
  forgetful?: boolean;
}

export interface Asked {
  path: string;
  range?: string;
  ifRange?: string;
}

const listen = (server: Server): Promise<string> =>
  new Promise((done) => {
    server.listen(0, '127.0.0.1', () => done(`http://127.0.0.1:${(server.address() as AddressInfo).port}`));
  });

/** Serves what `behaviours` has by path; requests are noted in `asked`. */
export async function fileServer() {
  const behaviours = new Map<string, Behaviour>();
  const asked: Asked[] = [];
  let cut = { at: Infinity, now: () => {} };
  const server = createServer((request, response) => {
    asked.push({ path: request.url!, range: request.headers.range, ifRange: request.headers['if-range'] as string });
    const behaviour = behaviours.get(request.url!);
    if (!behaviour) return void response.writeHead(404, { 'content-type': 'text/html' }).end('<html>no</html>');
    cut = answer(request, response, behaviour) ?? { at: Infinity, now: () => {} };
  });
  const origin = await listen(server);
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });
  return {
    origin,
    asked,
    /** To be told how many bytes of the file have arrived. */
    reached(done: number): void {
      if (done >= cut.at) cut.now();
    },
    serve(path: string, behaviour: Behaviour): string {
      behaviours.set(path, behaviour);
      asked.length = 0;
      return `${origin}${path}`;
    },
  };
}

interface Cut {
  at: number;
  now: () => void;
}

function answer(request: IncomingMessage, response: ServerResponse, behaviour: Behaviour): Cut | void {
  const { content, etag, modified, ranges = true, gzip, type, location } = behaviour;
  const status = behaviour.statuses?.shift();
  if (location !== undefined) return void response.writeHead(status ?? 302, { location }).end();
  if (status !== undefined) return void response.writeHead(status, behaviour.headers).end('no');
  const headers: Record<string, string | number> = {};
  if (etag) headers.etag = etag;
  if (modified) headers['last-modified'] = modified;
  if (type) headers['content-type'] = type;
  let body = gzip ? gzipSync(content) : content;
  if (behaviour.missing) body = body.subarray(0, -behaviour.missing);
  if (gzip) headers['content-encoding'] = 'gzip';
  const wanted = /^bytes=(\d+)-$/.exec(request.headers.range ?? '');
  const same = behaviour.forgetful || [etag, modified].includes(request.headers['if-range'] as string);
  let code = 200;
  let start = 0;
  if (wanted && ranges && same) {
    start = Number(wanted[1]);
    if (start >= body.length) return void response.writeHead(416, { 'content-range': `bytes */${body.length}` }).end();
    headers['content-range'] = `bytes ${start}-${body.length - 1}/${body.length}`;
    body = body.subarray(start);
    code = 206;
  }
  if (behaviour.length === 'none') {
    // HTTP/1.0: neither a length nor chunks.
    response.shouldKeepAlive = false;
    response.useChunkedEncodingByDefault = false;
    response.removeHeader('transfer-encoding');
  } else headers['content-length'] = body.length;
  response.writeHead(code, headers);
  if (behaviour.trickle !== undefined) return trickle(response, body, behaviour.trickle);
  const cut = behaviour.cuts?.shift();
  const stall = behaviour.stalls?.shift();
  if (cut !== undefined) {
    response.write(body.subarray(0, cut), () => gzip && response.socket?.end());
    return { at: start + cut, now: () => response.socket?.destroy() };
  }
  if (stall !== undefined) response.write(body.subarray(0, stall));
  else response.end(body);
}

function trickle(response: ServerResponse, body: Buffer, pause: number): void {
  let sent = 0;
  const timer = setInterval(() => {
    if (sent < body.length) response.write(body.subarray(sent, ++sent));
    else response.end();
  }, pause);
  response.on('close', () => clearInterval(timer));
}

/** The secure address of a server that accepts connections and says nothing. */
export async function muteServer(): Promise<string> {
  const sockets: Socket[] = [];
  const server = createRawServer((socket) => void sockets.push(socket.on('error', () => {})));
  afterAll(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** A proxy that takes both forms of requests, unless it refuses with a status; or never answers at all. */
export async function proxyServer(refusal?: number | 'silent') {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    if (refusal === 'silent') return;
    if (refusal) return void response.writeHead(refusal).end();
    const onward = forward(request.url!, { method: request.method, headers: request.headers }, (reply) => {
      response.writeHead(reply.statusCode!, reply.headers);
      reply.pipe(response);
    });
    request.pipe(onward);
  });
  server.on('connect', (request: IncomingMessage, client: Socket) => {
    asked.push(`CONNECT ${request.url}`);
    if (refusal === 'silent') return;
    if (refusal) return void client.end(`HTTP/1.1 ${refusal} No\r\n\r\n`);
    const [host, port] = request.url!.split(':');
    const upstream = connect(Number(port), host, () => {
      client.write('HTTP/1.1 200 OK\r\n\r\n');
      upstream.pipe(client).pipe(upstream);
    });
    for (const socket of [upstream, client]) socket.on('error', () => {});
  });
  const origin = await listen(server);
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });
  return { origin, asked };
}

// Connections to hosts: direct, or through the proxy that HTTP_PROXY, HTTPS_PROXY and NO_PROXY name for an address.
// It asks for nothing; what is asked is in request.ts.

import { Agent, ProxyAgent, type Dispatcher } from 'undici';
import { messageOf, UserError } from '../../../errors.ts';

/** The proxy for an address. */
export interface Proxy {
  /** The environment variable that names it. */
  readonly variable: string;
  readonly address: URL;
  /** The address without name and password, for messages. */
  readonly shown: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Stalls are noticed by those who read. */
const untimed = { headersTimeout: 0, bodyTimeout: 0 };

/** Open connections, which are kept for further requests. */
export class Connections {
  readonly #direct = new Agent({ ...untimed, connect: { timeout: 0 } });
  readonly #through = new Map<string, ProxyAgent>();

  /** @throws UserError when the variable that names the proxy holds no address of one, or another kind of proxy. */
  to(address: URL): { readonly dispatcher: Dispatcher; readonly proxy?: Proxy } {
    const proxy = proxyFor(address);
    return { dispatcher: proxy ? this.#agent(proxy) : this.#direct, proxy };
  }

  async destroy(): Promise<void> {
    await Promise.all([this.#direct, ...this.#through.values()].map((agent) => agent.destroy()));
  }

  #agent({ variable, address: { href } }: Proxy): ProxyAgent {
    const open = this.#through.get(href);
    if (open) return open;
    try {
      // Without a tunnel for plain HTTP, which many proxies grant to port 443 only.
      const agent = new ProxyAgent({ ...untimed, uri: href, proxyTunnel: false, proxyTls: { timeout: 0 } });
      this.#through.set(href, agent);
      return agent;
    } catch (error) {
      throw new UserError(`${variable} cannot be used: ${messageOf(error)}`);
    }
  }
}

/**
 * The proxy for an address. Variables with lower-case names come first; without HTTPS_PROXY, that of HTTP_PROXY is for
 * secure addresses, too. NO_PROXY lists hosts, which include their subdomains, with or without a port, or is `*`.
 * @throws UserError naming the variable when it holds no address, or that of a kind of proxy that is not supported.
 */
export function proxyFor({ protocol, hostname, port }: URL, environment: Environment = process.env): Proxy | undefined {
  const named = (...names: string[]) => names.find((name) => environment[name] !== undefined);
  const secure = protocol === 'https:' ? named('https_proxy', 'HTTPS_PROXY') : undefined;
  const variable = secure && environment[secure] ? secure : named('http_proxy', 'HTTP_PROXY');
  const text = variable && environment[variable];
  if (!variable || !text) return undefined;
  const place = { host: hostname.toLowerCase(), port: port || (protocol === 'https:' ? '443' : '80') };
  if (isExcepted(place, environment.no_proxy ?? environment.NO_PROXY ?? '')) return undefined;
  const address = URL.canParse(text) ? new URL(text) : undefined;
  if (!address || !/^https?:$/.test(address.protocol)) {
    // `localhost:3128` reads as an address of the protocol `localhost:`.
    const kind = address?.host ? `names a proxy of the kind "${address.protocol.slice(0, -1)}"` : 'holds no address';
    throw new UserError(`${variable} ${kind}; HTTP and HTTPS proxies are supported: http://HOST:PORT`);
  }
  return { variable, address, shown: `${address.protocol}//${address.host}` };
}

function isExcepted({ host, port }: { host: string; port: string }, list: string): boolean {
  if (list.trim() === '*') return true;
  return list.split(/[,\s]+/).some((entry) => {
    const [, name, only] = /^(?:\*?\.)?(.*?)(?::(\d+))?$/.exec(entry.toLowerCase()) ?? [];
    return Boolean(name) && (!only || only === port) && (host === name || host.endsWith(`.${name}`));
  });
}

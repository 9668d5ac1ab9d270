// Spans of one WebAssembly memory: which bytes are taken, and room for more.
// What lies in them is not known here.

import { UserError } from '../../errors.ts';

const page = 2 ** 16;
/** One page short of 4 GiB, so that the end of every span is a 32-bit number. */
const mostPages = 2 ** 16 - 1;
/** Spans start and end at cache lines. */
const line = 64;

export interface Span {
  readonly start: number;
  readonly bytes: number;
}

export class Spans {
  readonly memory = new WebAssembly.Memory({ initial: 1, maximum: mostPages });
  /** Ascending. */
  readonly #free: Span[] = [{ start: 0, bytes: page }];

  /**
   * A span of at least so many bytes, of any content. Growth detaches `memory.buffer`: make views of it anew.
   * @throws UserError when there is no room.
   */
  take(bytes: number): Span {
    const size = Math.max(line, Math.ceil(bytes / line) * line);
    let at = this.#free.findIndex((span) => span.bytes >= size);
    if (at < 0) {
      this.#grow(size);
      at = this.#free.length - 1;
    }
    const { start, bytes: room } = this.#free[at];
    this.#free.splice(at, 1, ...(room > size ? [{ start: start + size, bytes: room - size }] : []));
    return { start, bytes: size };
  }

  giveBack(span: Span): void {
    const after = this.#free.findIndex(({ start }) => start > span.start);
    const at = after < 0 ? this.#free.length : after;
    const joined = [...this.#free.slice(Math.max(0, at - 1), at), span, ...this.#free.slice(at, at + 1)];
    const merged = joined.reduce<Span[]>((spans, next) => {
      const last = spans.at(-1);
      if (last && last.start + last.bytes === next.start)
        return [...spans.slice(0, -1), { start: last.start, bytes: last.bytes + next.bytes }];
      return [...spans, next];
    }, []);
    this.#free.splice(Math.max(0, at - 1), joined.length - 1, ...merged);
  }

  floats({ start }: Span, length: number): Float32Array {
    return new Float32Array(this.memory.buffer, start, length);
  }

  doubles({ start }: Span, length: number): Float64Array {
    return new Float64Array(this.memory.buffer, start, length);
  }

  integers({ start }: Span, length: number): Uint32Array {
    return new Uint32Array(this.memory.buffer, start, length);
  }

  /** Grows so that the last free span has so many bytes. */
  #grow(size: number): void {
    const end = this.memory.buffer.byteLength;
    const last = this.#free.at(-1);
    const atEnd = last && last.start + last.bytes === end ? last.bytes : 0;
    const pages = Math.ceil((size - atEnd) / page);
    try {
      this.memory.grow(pages);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      const gib = (bytes: number) => (bytes / 2 ** 30).toFixed(1);
      const most = end / page + pages > mostPages ? 'WebAssembly holds 4.0 GiB' : 'the system does not give them';
      throw new UserError(
        `the maps and sums of the candidates need ${gib(end + pages * page)} GiB at once, and ${most}; ` +
          'take a smaller batch, fewer candidates, or fewer models at a time',
      );
    }
    this.giveBack({ start: end, bytes: pages * page });
  }
}

// What the store knows of a published model: its card as far as its family does not fill it in, and its files.
// The models are in official/, by family; nothing here is downloaded or read.

import type { Download, PartialCard } from '../../card.ts';

/** One published file. */
export interface OfficialFile extends Download {
  /** Name under which it is kept; the reader of its family may look for it. */
  readonly file: string;
  /** Beginning of the MD5 (lower-case hexadecimal), where that is what is published. */
  readonly md5?: string;
  /** Size in bytes to the few digits that are published, where the exact one is not. */
  readonly about?: number;
}

/** A published model. The first file is that of the weights. */
export type OfficialModel = Omit<PartialCard, 'file' | 'download'> & {
  readonly files: readonly [OfficialFile, ...OfficialFile[]];
};

/** The card of a published model, for opening its file. */
export function officialCard({ files: [weights], ...identity }: OfficialModel): PartialCard {
  const { file, about: _about, md5: _md5, ...download } = weights;
  return { ...identity, file, download };
}

/** A file at an address that ends with its name. */
export const fileAt = (url: string, more: Omit<Partial<OfficialFile>, 'url'> = {}): OfficialFile => ({
  file: new URL(url).pathname.replace(/.*\//, ''),
  ...more,
  url,
});

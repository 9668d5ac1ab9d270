// The formats that count as photos: their names, the extensions of their files and how their bytes begin.
// It decodes nothing.

export interface ImageFormat {
  readonly name: string;
  /** In lower case, the usual one first. */
  readonly extensions: readonly string[];
  /** Of the first bytes, as Latin-1. */
  readonly start: RegExp;
}

/** The decoder could render drawings and documents as well; those are not photos. */
export const imageFormats: readonly ImageFormat[] = [
  { name: 'JPEG', extensions: ['.jpg', '.jpeg', '.jpe', '.jfif'], start: /^\xff\xd8\xff/ },
  { name: 'PNG', extensions: ['.png'], start: /^\x89PNG/ },
  { name: 'WebP', extensions: ['.webp'], start: /^RIFF[^]{4}WEBP/ },
  { name: 'AVIF', extensions: ['.avif'], start: /^[^]{4}ftyp(?:avi[fs]|mif1)/ },
  { name: 'TIFF', extensions: ['.tif', '.tiff'], start: /^(?:II[*+]\0|MM\0[*+])/ },
];

/** Extensions that count as images, in lower case. */
export const imageExtensions: readonly string[] = imageFormats.flatMap(({ extensions }) => extensions);

/** `JPEG, PNG, WebP, AVIF or TIFF`. */
export const formatNames = imageFormats
  .map(({ name }) => name)
  .join(', ')
  .replace(/, ([^,]*)$/, ' or $1');

/** The format whose files begin like these bytes. */
export function formatOf(bytes: Uint8Array): ImageFormat | undefined {
  const start = String.fromCharCode(...bytes.subarray(0, 12));
  return imageFormats.find((format) => format.start.test(start));
}

// Images in Node: opening folders and archives, decoding, encoding.
// What needs no file and no decoder is in index.ts.

export { lookForPhotos, openPhotos, photosOf, type PhotoSource, type PhotoSourceOptions } from './node/source.ts';
export { thumbnail } from './node/thumbnail.ts';
export { decodeImage, decodePixels, encodeImage, imageSize, type EncodeOptions, type Size } from './node/decode.ts';
export { encodeAnimation, encodePng, type AnimationOptions } from './node/encode.ts';
export { ImageLoader, type LoaderOptions } from './node/loader.ts';
export { commonSize } from './node/size.ts';
export { loadPixels, type LabelledPixels, type PixelsOptions } from './node/pixels.ts';
export { openImages } from './node/open.ts';

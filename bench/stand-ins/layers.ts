// Shapes of the layers that the paper taps, full size: [channels, height, width] by layer.

type Shape = readonly [channels: number, height: number, width: number];

/** A network of which only the shapes of its layers are known. */
export interface StandIn {
  readonly name: string;
  readonly taps: readonly {
    readonly layer: string;
    readonly channels: number;
    readonly height: number;
    readonly width: number;
  }[];
}

const repeat = (count: number, shape: Shape): Shape[] => Array.from({ length: count }, () => shape);
const model = (name: string, shapes: readonly Shape[]): StandIn => ({
  name,
  taps: shapes.map(([channels, height, width], i) => ({ layer: `l${i}`, channels, height, width })),
});

export const resnet50 = model('resnet50', [
  [256, 56, 56],
  [512, 28, 28],
  [1024, 14, 14],
  [2048, 7, 7],
]);
export const vitB16 = model('vit-b16', repeat(12, [3072, 14, 14]));
/** A StyleGAN2-like generator: 12 layers from 4 to 128. */
export const generator128 = model('generator128', [
  ...[4, 8, 16, 32].flatMap((side) => repeat(2, [512, side, side])),
  ...repeat(2, [256, 64, 64]),
  [128, 128, 128],
  [64, 128, 128],
]);

/** Every module of BigGAN-deep-256 whose name contains "conv". */
const bigganChannels = {
  4: [512, 512, 512, 2048, 512],
  8: [512, 512, 2048, 512, 512, 512, 2048, 512],
  16: [512, 512, 1024, 256, 256, 256, 1024, 256],
  32: [256, 256, 1024, 256, 256, 256, 1024, 256],
  64: [256, 256, 512, 64, 64, 256, 512, 128, 128, 128, 512, 128],
  128: [128, 128, 256, 64, 64, 64, 256, 64],
  256: [64, 64, 128, 128],
};
export const bigganDeep256 = model(
  'biggan-deep-256',
  Object.entries(bigganChannels).flatMap(([side, list]) =>
    list.map((channels): Shape => [channels, Number(side), Number(side)]),
  ),
);

/** The pairs that are measured. */
export const pairs: Readonly<Record<string, readonly [StandIn, StandIn]>> = {
  'ResNet-50 x ViT-B/16': [resnet50, vitB16],
  'generator x ResNet-50': [generator128, resnet50],
  'generator x ViT-B/16': [generator128, vitB16],
  'BigGAN-deep-256 x ResNet-50': [bigganDeep256, resnet50],
};

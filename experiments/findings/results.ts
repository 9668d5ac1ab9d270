// What the stages of the findings measure, as it is kept between runs and read by the page.
// Nothing is measured here.

/** Every result of a stage says how long measuring it took. */
export interface Timed {
  seconds: number;
}

/** How many pairs two networks share, of which how many replicated. */
export interface TwinCount {
  readonly models: readonly [string, string];
  readonly pairs: number;
  readonly replicated: number;
}

/** Of networks with the untrained twins of the others. */
export interface TwinResult extends Timed {
  readonly counts: readonly TwinCount[];
  /** By two trained networks: pairs that hold and are more alike than either unit is with the other network's twin. */
  readonly beyond: readonly { readonly models: readonly [string, string]; readonly pairs: number }[];
}

/** What becomes on photos of the pairs that hold on generated images. */
export interface PhotoPairs {
  readonly models: readonly [string, string];
  readonly generated: number;
  readonly photos: number;
  readonly mutual: number;
  readonly hold: number;
  readonly rGenerated: number;
  readonly rPhotos: number;
  readonly low: number;
  readonly ranks: number;
}

export interface PhotoResult extends Timed {
  readonly pairs: readonly PhotoPairs[];
}

/** How near an image is to the photo that was searched for. */
export interface Nearness {
  readonly psnr: number;
  readonly ssim: number;
  /** In the judge's features. */
  readonly distance: number;
  readonly r: number;
  readonly sameClass: boolean;
  /** Packed, of the photos that are shown. */
  readonly image?: string;
}

export const searchMethods = ['pixels', 'pairs', 'both'] as const;
export type SearchMethod = (typeof searchMethods)[number];

export type InvertedPhoto = Readonly<Record<SearchMethod | 'start', Nearness>> & {
  readonly label: number;
  /** Packed, of the photos that are shown. */
  readonly photo?: string;
};

/** Of one generator; `none` says why it cannot be searched. */
export interface InversionResult extends Timed {
  readonly none?: string;
  readonly rows: InvertedPhoto[];
  readonly space?: 'z' | 'w';
  readonly pairs?: number;
  readonly classes?: number | null;
}

/** Mean absolute change of pixels: all over, and inside and outside of a box. */
export interface Change {
  readonly all: number;
  readonly inside?: number;
  readonly outside?: number;
}

export interface EditResult {
  /** r of the units that are told, before and after the search, and of an unrelated sample. */
  readonly before: number;
  readonly after: number;
  readonly other: number;
  readonly units: number;
  /** Classes by the judge, before and after; of a class change also the one asked for and the original's. */
  readonly named: { readonly before: number; readonly after: number; readonly target?: number; readonly own?: number };
  readonly changed: Change;
  /** PSNR with the original, moved or pasted as pixels. */
  readonly picture?: { readonly before: number; readonly after: number };
  /** Packed, of the samples that are shown. */
  readonly images?: readonly string[];
}

export const editKinds = ['shift', 'zoom', 'copy-paste', 'class'] as const;
export type EditKind = (typeof editKinds)[number];
export type EditedSample = Partial<Record<EditKind, EditResult>>;

/** Of one generator; `none` says why it cannot be edited. */
export interface EditsResult extends Timed {
  readonly none?: string;
  readonly classes?: number | null;
  readonly samples: EditedSample[];
}

/** What the program of the findings is asked for. */
export interface FindingsOptions {
  /** Photos. */
  readonly data: string;
  readonly samples: number;
  readonly mined: number;
  readonly photos: number;
  readonly edits: number;
  readonly steps: number;
  readonly starts: number;
  readonly truncation: number;
}

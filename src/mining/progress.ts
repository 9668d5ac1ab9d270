// What a mining run tells of itself while it works.

export interface MineProgress {
  readonly stage: 'correlating' | 'concepts' | 'exemplars' | 'writing';
  readonly done: number;
  readonly total: number;
  /** What is counted. */
  readonly unit: 'images' | 'files';
}

// A tensor that lies in a file and is read when it is asked for.
// Which file, and in which format, is its reader's business.

import type { DType, Tensor } from '../graph/tensor.ts';

/** A tensor in a file. */
export interface TensorRef {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** Reads the data, contiguous, into memory of its own. @throws UserError when the file cannot be read there. */
  load(): Promise<Tensor>;
}

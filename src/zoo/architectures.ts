// The architectures that checkpoints are recognised as, tried in this order.
// A new family is one file and one entry here.

import type { Architecture } from './architecture.ts';
import { resnet } from './resnet.ts';

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- each entry has a configuration type of its own
export const architectures: readonly Architecture<any>[] = [resnet];

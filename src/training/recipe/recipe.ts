// A recipe, what a small readable file says of a training, and the plan that its kind makes of it.
// Kinds are in files of their own (kinds.ts lists them); it reads no file itself.

import type { Tensor } from '../../graph/tensor.ts';
import type { Engine } from '../../runtime/engine.ts';
import type { PartialCard } from '../../zoo/card.ts';
import type { Augmentation } from '../augment/augment.ts';
import type { AdamOptions, SgdOptions } from '../loop/optimiser.ts';
import type { PhotoSet } from '../loop/photos.ts';
import type { TrainingStep } from '../loop/step.ts';
import type { TrainOptions } from '../loop/train.ts';

export interface Recipe {
  /** Of the network, e.g. `mae-vit`. */
  readonly name: string;
  /** Name of the kind: `class`, `dino`, `mae`, `clip`, `gan`. */
  readonly kind: string;
  /** Sizes of the network; each kind has its own. */
  readonly architecture: Readonly<Record<string, unknown>>;
  /** What is minimised; each kind has its own. */
  readonly objective: Readonly<Record<string, unknown>>;
  /** How photos are changed before they are shown; default not at all. */
  readonly augmentation?: readonly Augmentation[];
  readonly schedule: RecipeSchedule;
  /** Of fresh weights and everything that is drawn. */
  readonly seed: number;
}

export interface RecipeSchedule {
  /** Photos of one step. */
  readonly batch: number;
  /** Times that every photo is shown. */
  readonly epochs: number;
  readonly optimiser: OptimiserSettings;
  readonly rate: {
    /** 'oneCycle' and 'cosine' fall to `last`; 'constant' stays until it cools down, if it does. */
    readonly kind: 'oneCycle' | 'cosine' | 'constant';
    /** The largest learning rate. */
    readonly peak: number;
    /** Share of the steps in which it rises; default 0, of 'oneCycle' 0.3. */
    readonly warmUp?: number;
    /** Share of the steps at the end in which 'constant' falls in a straight line to `last`; default 0. */
    readonly coolDown?: number;
    /** At the end, as a share of the peak; default 0. */
    readonly last?: number;
  };
  /** Decay of the moving average of the weights, which is what is shipped; default none. */
  readonly ema?: number;
  /** Longer gradients are shortened to this; default none are. */
  readonly clip?: number;
}

export type OptimiserSettings = ({ readonly kind: 'sgd' } & SgdOptions) | ({ readonly kind: 'adam' } & AdamOptions);

/** A training, ready to run: `train` takes the first five as they are. */
export interface Plan {
  readonly parts: readonly TrainingStep[];
  readonly state: ReadonlyMap<string, Tensor>;
  readonly steps: number;
  readonly rate: TrainOptions['rate'];
  readonly batch: TrainOptions['batch'];
  /**
   * The network to ship: float32 tensors with the official checkpoint's names and shapes, from a state of the training
   * (averages where they are kept). It may run graphs.
   */
  network(state: ReadonlyMap<string, Tensor>, engine: Engine): Promise<Map<string, Tensor>>;
  /** What the network's card says beside its name and file; configuration and input only where tensors cannot tell them. */
  readonly card: Omit<PartialCard, 'name'>;
}

export interface RecipeFiles {
  /** Tensors of a file that a recipe names, relative to the recipe. */
  tensors(file: string): Promise<ReadonlyMap<string, Tensor>>;
}

export interface RecipeKind {
  readonly kind: string;
  /** JSON schemas of `architecture` and `objective`. */
  readonly schema: { readonly architecture: object; readonly objective: object };
  /** @throws UserError when the sizes do not fit each other or the photos. */
  plan(recipe: Recipe, photos: PhotoSet, files: RecipeFiles): Promise<Plan>;
}

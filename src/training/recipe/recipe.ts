// A recipe, what a small readable file says of a training, and the plan that its kind makes of it.
// Kinds are in files of their own (kinds.ts lists them); it reads no file itself.

import Type, { type TSchema } from 'typebox';
import type { Read } from '../../files/json.ts';
import type { Tensor } from '../../graph/tensor.ts';
import type { Engine } from '../../runtime/engine.ts';
import type { PartialCard } from '../../zoo/card.ts';
import { augmentationsSchema } from '../augment/list.ts';
import type { PhotoSet } from '../loop/photos.ts';
import type { TrainingStep } from '../loop/step.ts';
import type { TrainOptions } from '../loop/train.ts';
import { above0, closed, decay, fraction, weight, whole } from './numbers.ts';

const optimiserSchema = Type.Union(
  [
    Type.Object(
      {
        kind: Type.Literal('sgd'),
        momentum: Type.Optional(decay('Default 0: no memory.')),
        nesterov: Type.Optional(Type.Boolean({ description: 'Step as if the momentum had been followed already.' })),
        weightDecay: Type.Optional(weight('Multiple of the weight that is added to its gradient.')),
      },
      closed,
    ),
    Type.Object(
      {
        kind: Type.Literal('adam'),
        beta1: Type.Optional(decay('Default 0.9.')),
        beta2: Type.Optional(decay('Default 0.999.')),
        epsilon: Type.Optional(above0('Default 1e-8.', 1)),
        weightDecay: Type.Optional(weight('Fraction of the weight, times the rate, lost in each step.')),
      },
      closed,
    ),
  ],
  { description: 'How weights move by their gradients.' },
);

export type OptimiserSettings = Read<typeof optimiserSchema>;

const scheduleSchema = Type.Object(
  {
    batch: whole('Photos of one step.', 2 ** 20),
    epochs: above0('Times that every photo is shown.'),
    optimiser: optimiserSchema,
    rate: Type.Object(
      {
        kind: Type.Enum(['oneCycle', 'cosine', 'constant'], {
          description: "'oneCycle' and 'cosine' fall to `last`; 'constant' stays until it cools down, if it does.",
        }),
        peak: above0('The largest learning rate.', 1e4),
        warmUp: Type.Optional(fraction('Fraction of the steps in which it rises; default 0, of oneCycle 0.3.')),
        coolDown: Type.Optional(fraction('Fraction of the steps at the end in which a constant one falls; default 0.')),
        last: Type.Optional(fraction('At the end, as a fraction of the peak; default 0.')),
      },
      closed,
    ),
    ema: Type.Optional(decay('Decay of the moving average of the weights, which is shipped; default none.')),
    clip: Type.Optional(above0('Longer gradients are shortened to this; default none are.', 1e12)),
  },
  closed,
);

export type RecipeSchedule = Read<typeof scheduleSchema>;

const fields = {
  name: Type.String({
    pattern: '^[A-Za-z0-9_.+-]+$',
    maxLength: 100,
    description: 'Of the network that is trained, e.g. mae-vit: letters, digits and _ . + -',
  }),
  augmentation: Type.Optional(augmentationsSchema),
  schedule: scheduleSchema,
  seed: Type.Integer({ minimum: 0, maximum: 2 ** 52, description: 'Of fresh weights and everything that is drawn.' }),
};

/** What a small readable file says of a training. Architecture and objective are those of its kind. */
export interface Recipe<Architecture = unknown, Objective = unknown> extends Read<Type.TObject<typeof fields>> {
  /** Name of the kind: `class`, `dino`, `mae`, `clip`, `gan`. */
  readonly kind: string;
  /** Sizes of the network. */
  readonly architecture: Architecture;
  /** What is minimised. */
  readonly objective: Objective;
}

/** JSON Schema of the recipes of a kind. */
export const recipeSchemaOf = ({ kind, schema }: RecipeKind) =>
  Type.Object({ ...fields, kind: Type.Literal(kind, { description: 'What is trained, and by which objective.' }), ...schema }, closed); // prettier-ignore

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

/** What a plan is made with, beside the recipe and the photos. */
export interface PlanContext {
  /** Tensors of a file that a recipe names, relative to the recipe. */
  tensors(file: string): Promise<ReadonlyMap<string, Tensor>>;
  /** Bytes that the training may take; default 64 GiB. A recipe that certainly takes more is refused. */
  readonly memory?: number;
}

export interface RecipeKind<Architecture extends TSchema = TSchema, Objective extends TSchema = TSchema> {
  readonly kind: string;
  /** JSON schemas of `architecture` and `objective`. */
  readonly schema: { readonly architecture: Architecture; readonly objective: Objective };
  /** @throws UserError when the sizes do not fit each other, the photos, or the memory. */
  plan(recipe: Recipe<Read<Architecture>, Read<Objective>>, photos: PhotoSet, context: PlanContext): Promise<Plan>;
}

/** A kind as it is written: the types of the recipe follow from its schemas. */
export const recipeKind = <Architecture extends TSchema, Objective extends TSchema>(
  kind: RecipeKind<Architecture, Objective>,
): RecipeKind => kind;

// The modules of a pickled network with their plain attributes: sizes, names and paddings that tensors cannot tell.
// Nothing in a pickle is run: attributes are read as they were stored.

/** Plain data of a pickle. */
export type Plain = null | boolean | number | string | readonly Plain[] | { readonly [key: string]: Plain };

export interface PickledModule {
  /** Name of the module's class, e.g. `SynthesisLayer`; its source is not looked at. */
  readonly className: string;
  /** Attributes that are plain data; tensors, modules and anything else are left out. */
  readonly attributes: Readonly<Record<string, Plain>>;
}

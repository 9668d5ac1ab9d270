// How wide sketches are: a balance of memory and of how sure estimates are.
// What fits the memory is screening.ts's.

/** Values of a sketch that estimates are good enough with, and the fewest that are worth their while. */
export const widths = { least: 256, usual: 1024, perImage: 16 } as const;

// The card of a network that is trained in the way of a published one: what both have in common is said once.
// What was measured of it is added by others.

import { present } from '../../lookup.ts';
import type { PartialCard } from '../../zoo/card.ts';
import { officialModels } from '../../zoo/store/official.ts';

/**
 * @param official name of the published model. @param network what tensors cannot tell.
 * @returns a card but for the name; `data` is that of whoever has the photos.
 */
export function standInCard(
  official: string,
  network: Pick<PartialCard, 'architecture' | 'config' | 'input'>,
): Omit<PartialCard, 'name'> {
  const { supervision, task, paper } = present(
    officialModels.find(({ name }) => name === official),
    `published model "${official}"`,
  );
  return {
    ...network,
    // Of some published models it ends with the size of their images.
    task: task.replace(/, \d+x\d+$/, ''),
    supervision,
    data: 'unknown',
    licence: 'MIT',
    source: `trained by rosetta-neurons; a small stand-in for ${official}`,
    paper,
  };
}

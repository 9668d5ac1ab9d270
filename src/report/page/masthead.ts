// The head of the page: what was mined, in a line, in figures, and in full for who wants it.
// It does not change while the page is open.

import type { SampleRecipe } from '../../images/source.ts';
import type { Report } from './data.ts';
import { significance, silentUnits } from './standing.ts';
import { formatCount, h, plural, type Child } from './dom.ts';

/** A figure of the summary. */
function figure(name: string, value: number | null, note: string): HTMLElement {
  return h('div', { title: note }, h('dt', {}, name), h('dd', {}, value === null ? '–' : formatCount(value)));
}

function figures({ packed }: Report): HTMLElement {
  const zoo = packed.models.filter((model) => model.role === 'zoo');
  const trained = packed.pairs.filter(({ models }) => models.every((model) => packed.models[model].role === 'zoo'));
  const total = (count: 'pairs' | 'significant' | 'replicated' | 'expectedOfNoise') =>
    trained.reduce((sum, { counts }) => sum + counts[count], 0);
  const silent = silentUnits(packed.models);
  const withNull = packed.options.nullModel;
  const unknown = 'Not known: this run has no null';
  const { anchors } = packed.options;
  const sets = anchors.length ? `Rosetta sets around units of ${anchors.join(', ')}` : 'Rosetta sets';
  return h(
    'dl',
    { class: 'figures' },
    figure('Concepts', packed.concepts.length, 'Groups of Rosetta sets whose units correlate'),
    figure('Sets', packed.sets.length, `${sets}: units of several models, one each, that stand for one concept`),
    figure(
      'Pairs',
      total('pairs'),
      `Units of two models that are mutual nearest neighbours; pure noise would give ${formatCount(total('expectedOfNoise'))}`,
    ),
    figure(
      'Significant',
      withNull ? total('significant') : null,
      withNull ? `Pairs with q < ${significance}` : unknown,
    ),
    figure(
      'Replicated',
      withNull ? total('replicated') : null,
      withNull ? `Pairs with q < ${significance} that both halves of the images choose` : unknown,
    ),
    figure(
      'Units',
      zoo.reduce((sum, model) => sum + model.units, 0),
      'Units of all models',
    ),
    figure('Dead, constant', silent, 'Units of these models that never changed on these images; they are in no pair'),
    figure('Images', packed.imageSet.count, packed.imageSet.source),
  );
}

const fact = (name: string, value: Child): HTMLElement => h('div', {}, h('dt', {}, name), h('dd', {}, value));

/** A source as a link where it is a web address, as text otherwise: no other kind of link may come from a card. */
function source(text: string): Child {
  return /^https?:\/\//.test(text)
    ? h('a', { href: text, rel: 'noreferrer noopener' }, text.replace(/^https?:\/\//, ''))
    : text;
}

function models({ packed }: Report): HTMLElement {
  return h(
    'div',
    { class: 'cards' },
    packed.models.map((model) => {
      const [dead, constant] = (['dead', 'constant'] as const).map((kind) =>
        formatCount(model.layers.reduce((sum, layer) => sum + layer[kind], 0)),
      );
      const twin = model.role === 'twin';
      return h(
        'section',
        {},
        h('h3', {}, model.name),
        h(
          'dl',
          { class: 'facts' },
          // A twin has the card of its model, but was taught nothing.
          twin && fact('Control', model.twinOf ? `untrained twin of ${model.twinOf}` : 'untrained twin'),
          !twin && [
            fact('Task', model.facts.task),
            fact('Supervision', model.facts.supervision),
            fact('Data', model.facts.data),
            model.quality.length > 0 &&
              fact(
                'Quality',
                model.quality.map((line) => h('p', {}, line)),
              ),
          ],
          fact('Architecture', `${model.facts.architecture}, ${model.input}`),
          fact('Units', `${formatCount(model.units)} in ${plural(model.layers.length, 'layer')}`),
          fact('Silent', `${dead} dead, ${constant} constant`),
          !twin && [fact('Licence', model.facts.licence), fact('Source', source(model.facts.source))],
        ),
      );
    }),
  );
}

/** How generated images can be made again. */
function recipe({ seed, truncation, classes }: SampleRecipe): string {
  const drawn =
    classes === null ? '' : classes.length > 8 ? `, ${classes.length} classes` : `, classes ${classes.join(', ')}`;
  return `, seed ${seed}, truncation ${truncation}${drawn}`;
}

function images({ packed }: Report): HTMLElement {
  const { imageSet, options, program, created, score } = packed;
  const { unreadable } = imageSet;
  return h(
    'section',
    {},
    h('h3', {}, 'Images and run'),
    h(
      'dl',
      { class: 'facts wide' },
      ...imageSet.sources.map(({ source, count, height, width, generated }) =>
        fact(
          generated ? 'Generated images' : 'Images',
          `${source}: ${formatCount(count)} of ${height} x ${width} pixels${generated ? recipe(generated) : ''}`,
        ),
      ),
      fact('SHA-256 of names', h('code', {}, imageSet.sha256)),
      fact('Score', score === 'pearson' ? 'Pearson r' : 'as in the reference code of the paper'),
      fact('Neighbours', `k = ${options.k} for pairs, ${options.setK} for sets`),
      fact(
        options.anchors.length > 1 ? 'Anchors of sets' : 'Anchor of sets',
        options.anchors.join(', ') || 'none: all units of a set are mutual neighbours',
      ),
      fact(
        'Sets by anchor',
        packed.setCounts
          .map(([anchor, count]) => `${anchor === '' ? 'none' : anchor}: ${formatCount(count)}`)
          .join(' · ') || '–',
      ),
      fact('Concepts', `sets whose units correlate with r of ${options.conceptThreshold} and more`),
      fact('Null', options.nullModel ? 'maps of other images' : 'not computed'),
      fact('Seed', options.seed),
      fact('Program', `${program.name} ${program.version}, ${created}`),
      fact('Unreadable images', unreadable.length === 0 ? 'none' : formatCount(unreadable.length)),
    ),
    unreadable.length > 0 &&
      h(
        'ul',
        { class: 'unreadable' },
        unreadable.slice(0, 100).map(({ name, reason }) => h('li', {}, h('b', {}, name), `: ${reason}`)),
        unreadable.length > 100 && h('li', {}, `and ${formatCount(unreadable.length - 100)} more`),
      ),
  );
}

/** What the numbers of the page mean; the order is that of the columns. */
export const meanings = {
  r: 'Correlation of two units over all images and all positions of their maps, both on the larger of the two grids. 1: they light up at the same places of the same images.',
  rNull:
    'The same two units, but the maps of each image meet the maps of another image: what layout alone gives, for instance units that like the centre.',
  excess: 'r less r under the null: the part of r that comes from what is in the images.',
  heldOut:
    'r on the half of the images that did not choose the pair. Without a loss, nothing was gained by choosing among many.',
  q: `The fraction of false pairs that you accept when you take this pair and all better ones (Benjamini-Hochberg, against the null). Significant is q < ${significance}.`,
  replications:
    'How many of the two halves of the images choose this pair by themselves. Replicated is: significant, and 2 of 2.',
} as const;

function legend(): HTMLElement {
  const meaning = (name: string, text: string) => h('div', {}, h('dt', {}, name), h('dd', {}, text));
  return h(
    'dl',
    { class: 'meanings' },
    meaning('r', meanings.r),
    meaning('null', meanings.rNull),
    meaning('excess', meanings.excess),
    meaning('held out', meanings.heldOut),
    meaning('q', meanings.q),
    meaning('replications', meanings.replications),
    meaning(
      'Rosetta set',
      'Units of several models, one each, that are mutual nearest neighbours; around an anchor, those that a unit of it chooses in each model that looks at the same images. Its r is the mean over its pairs, its q the largest.',
    ),
    meaning(
      'concept',
      'Rosetta sets whose units correlate with each other. The set in the middle, the medoid, is shown for it.',
    ),
    meaning(
      'heatmap',
      'Where a unit is active: from nothing at its mean over all images to yellow at the top of its scale.',
    ),
  );
}

export function masthead(report: Report, controls: Child): HTMLElement {
  const { models: all, imageSet, concepts } = report.packed;
  const names = all.filter((model) => model.role === 'zoo').map((model) => model.name);
  const fold = (title: string, ...content: Child[]) =>
    h('details', {}, h('summary', {}, title), h('div', { class: 'folded' }, content));
  return h(
    'header',
    { class: 'masthead' },
    h('div', { class: 'title' }, h('h1', {}, 'Rosetta neurons'), controls),
    h(
      'p',
      { class: 'lead' },
      `${concepts.length === 0 ? 'No concepts' : plural(concepts.length, 'concept')} shared among `,
      names.map((name, i) => [i === 0 ? '' : i === names.length - 1 ? ' and ' : ', ', h('b', {}, name)]),
      `, from ${plural(imageSet.count, 'image')} of ${imageSet.source}.`,
    ),
    figures(report),
    h(
      'div',
      { class: 'folds' },
      fold('Models and images', models(report), images(report)),
      fold('What the numbers mean', legend()),
    ),
  );
}

// The page of the demo: what was mined and made, each part with a few plain sentences. It needs no server and no script.
// It computes nothing but counts of the dictionary's own; pictures are given as data: URIs.

import type { Dictionary } from '../../mining/run/dictionary.ts';
import { program } from '../../program.ts';
import { conceptCards, type ShownConcept } from './concepts.ts';
import { modelTable, pairMatrix, pairSentence } from './matrix.ts';
import { shownPart, type Shown } from './shows.ts';
import { demoStyle } from './style.ts';
import { html, Html } from '../html.ts';
import { style } from '../page/style.ts';
import { contentSecurityPolicy } from '../synthesis/page.ts';
import { synthesisStyle } from '../synthesis/style.ts';

export type { Shown, ShownConcept };

export interface DemoPage {
  readonly dictionary: Dictionary;
  readonly concepts: readonly ShownConcept[];
  /** In the order of the page; those of one part follow each other. */
  readonly shows: readonly Shown[];
  /** Address of the run's own page, relative to this one. */
  readonly report: string;
}

const contents = [
  ['networks', 'Networks'],
  ['pairs', 'What they share'],
  ['concepts', 'Concepts'],
  ['pictures', 'Pictures inverted'],
  ['translated', 'Samples translated'],
  ['edited', 'Edits'],
  ['next', 'Your own'],
] as const;

/** The whole page. All texts are shown as text. @throws RangeError when a picture is not a `data:` URI of an image. */
export function demoPage({ dictionary, concepts, shows, report }: DemoPage): string {
  const { images, models, sets, options } = dictionary;
  const zoo = models.filter(({ role }) => role === 'zoo');
  const generators = zoo.filter(({ card }) => 'latent' in card).length;
  const units = zoo.reduce((sum, model) => sum + model.units, 0);
  const size = [...new Set(images.sources.map(({ height, width }) => `${width} by ${height} pixels`))].join(' or ');
  const figure = (value: number, name: string) =>
    html`<div>
      <dt>${name}</dt>
      <dd>${value.toLocaleString('en')}</dd>
    </div>`;
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta http-equiv="Content-Security-Policy" content="${contentSecurityPolicy}" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="generator" content="${`${program.name} ${program.version}`}" />
        <meta name="color-scheme" content="light dark" />
        <title>Rosetta neurons: demo</title>
        <style>
          ${new Html(style + synthesisStyle + demoStyle)}
        </style>
      </head>
      <body>
        <div id="app">
          <header class="masthead">
            <h1>Rosetta neurons</h1>
            <p class="lead">
              ${zoo.length} small networks, trained for different tasks, look at the same images. Some of their units
              light up in the same places: they have found the same concepts. This page shows which ones, and what you
              can do with them.
            </p>
            <dl class="figures">
              ${figure(zoo.length, 'networks')}${figure(units, 'units')}${figure(images.count, 'images')}${figure(
                sets.length,
                'Rosetta sets',
              )}${figure(dictionary.concepts.length, 'concepts')}
            </dl>
          </header>
          <nav aria-label="Parts">
            <ul class="contents">
              ${contents.map(([id, name]) => html`<li><a href="#${id}">${name}</a></li>`)}
            </ul>
          </nav>
          <main>
            <section class="part" id="networks">
              <h2>The networks</h2>
              <p>
                ${generators} of them make images; the others look at them. All images are ${size}, so that the networks
                can be small.
              </p>
              ${modelTable(zoo)}
            </section>
            <section class="part" id="pairs">
              <h2>What they share</h2>
              <p>
                Every unit of a network is correlated with every unit of the others, over all positions of all images.
                Two units that are each other’s nearest neighbour are a pair. ${pairSentence(dictionary)}
              </p>
              ${pairMatrix(dictionary)}
            </section>
            <section class="part" id="concepts">
              <h2>Concepts</h2>
              <p>
                A Rosetta set is a unit of a generator with one unit of every network that looks at its images, which
                choose each other${options.setK > 1 && html` (each among the other’s first ${options.setK})`}. Sets that
                correlate are one concept. Top row: the images on which the units of a concept are strongest together.
                Below, one row for each network: where its unit lights up, from black (its mean or less) to yellow.
                <a href="${report}">The whole dictionary</a> has all of them, with search and charts.
              </p>
              ${conceptCards(concepts, report)}
            </section>
            ${(['pictures', 'translated', 'edited'] as const).map((part) =>
              shownPart(
                part,
                shows.filter((show) => show.part === part),
              ),
            )}
            <section class="part" id="next">
              <h2>Your own</h2>
              <p>The same with networks and photos of yours:</p>
              <pre class="command">
rosetta mine --model a=resnet50.pth --model b=dino_resnet50_pretrain.pth --images photos/ --out run
rosetta mine --generator biggan-deep-256 --model dino-vitb16 --samples 1000 --out run
rosetta invert photo.jpg --run run --generator biggan-deep-256 --guide dino-vitb16 --out inverted</pre>
              <p>Under each picture above is the command that makes it. <code>rosetta --help</code> has the rest.</p>
            </section>
          </main>
        </div>
      </body>
    </html> `.text;
}

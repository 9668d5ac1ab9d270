// Globs over layer names, by what they match and what not.

import { describe, expect, it } from 'vitest';
import { globExpression, matching } from '../../src/zoo/layer-names.ts';

const cases: readonly [glob: string, matches: readonly string[], others: readonly string[]][] = [
  ['layer*', ['layer1', 'layer'], ['layer1.0', 'xlayer1', 'bn1']],
  ['layer*.*', ['layer1.0', 'layer2.conv1'], ['layer1', 'layer1.0.conv1']],
  ['**', ['', 'layer1', 'layer1.0.conv1', '/a/b.c'], []],
  ['blocks.**.act', ['blocks.0.mlp.act', 'blocks.0.act'], ['blocks.act', 'blocks.0.mlp.act.x']],
  ['conv?', ['conv1'], ['conv', 'conv.', 'conv12']],
  ['layer{1,3}', ['layer1', 'layer3'], ['layer2', 'layer1,3', 'layer']],
  ['layer{1,3.*}.bn?', ['layer1.bn2', 'layer3.0.bn1'], ['layer3.bn1', 'layer1.0.bn2']],
  ['/layer1/*/Relu_output_?', ['/layer1/relu/Relu_output_0'], ['/layer1/layer1.0/Relu_output_0']],
  ['a::b(c)+[d]^$|\\', ['a::b(c)+[d]^$|\\'], ['a::bc+[d]^$|\\', 'd', 'a::b(c)']],
  ['a,b', ['a,b'], ['a', 'b']],
  ['a{b', ['a{b'], ['a', 'ab']],
  ['a}b{', ['a}b{'], ['ab']],
];

describe('globs', () => {
  it.each(cases)('%s', (glob, matches, others) => {
    const expression = globExpression(glob);
    expect(matches.filter((name) => !expression.test(name))).toEqual([]);
    expect(others.filter((name) => expression.test(name))).toEqual([]);
  });

  it('choose names in their own order, each once', () => {
    const names = ['c', 'a', 'b.1', 'b.2'];
    expect(matching(names, ['b.*', 'a', '*'])).toEqual(names);
    expect(matching(names, ['b.2', 'b.?'])).toEqual(['b.1', 'b.2']);
    expect(matching(names, ['d'])).toEqual([]);
  });

  it('that are names themselves mean these alone', () => {
    const names = ['x*', 'xy', 'y{1,2}', 'y1'];
    expect(matching(names, ['x*'])).toEqual(['x*']);
    expect(matching(names, ['y{1,2}'])).toEqual(['y{1,2}']);
    expect(matching(names, ['y{1,3}', 'x?'])).toEqual(['x*', 'xy', 'y1']);
  });
});

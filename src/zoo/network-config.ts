// The config.json that lies beside some checkpoints, of which builders take what tensors cannot tell.
// What is in it is for them to judge; other programs' files of that name are read, too, and nothing of them is used.

import Type from 'typebox';
import { readJson } from '../files/json.ts';
import type { Hints } from './architecture.ts';

const schema = Type.Record(Type.String(), Type.Unknown());

/** No such file comes near it, in characters. */
const longest = 2 ** 20;

/** Its object; undefined where the text holds none, is longer than a million characters, or is nested too deeply. */
export const parseConfig = (text: string): Hints['json'] =>
  text.length <= longest ? readJson(schema, text).value : undefined;

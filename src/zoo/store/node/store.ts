// The models on this machine: published ones that were downloaded, and files of the user's own, each under a name.
// It opens none of them, and prints nothing; how a file arrives is in download.ts.

import envPaths from 'env-paths';
import { readdir, rm, rmdir, stat } from 'node:fs/promises';
import { isAbsolute, join, resolve } from 'node:path';
import Type from 'typebox';
import { UserError } from '../../../errors.ts';
import { reasonOf } from '../../../files/node/system-error.ts';
import { program } from '../../../program.ts';
import { readJson, type Read } from '../../../files/json.ts';
import { nodeFolder } from '../../../files/node/folder.ts';
import { withFolderLock, type LockOptions } from '../../../files/node/lock.ts';
import type { PartialCard } from '../../card.ts';
import { download, type DownloadOptions } from './download.ts';
import { digests, hashFile, PartialFile } from './partial-file.ts';
import { checkedName, isName, nearest } from '../model-names.ts';
import { officialCard, type OfficialFile, type OfficialModel } from '../official/model.ts';
import { officialModels } from '../official.ts';

/** 'added' is a file of the user's own; 'partial' a download that was cut. */
export type ModelState = 'downloaded' | 'added' | 'partial' | 'absent';

export interface StoredModel {
  readonly name: string;
  readonly state: ModelState;
  /** What is known of a published model. */
  readonly official?: OfficialModel;
  /** The file of weights, when it is here. */
  readonly file?: string;
  /** Bytes that are here: of the file of weights, or of all that has arrived of a download. */
  readonly bytes?: number;
  /** SHA-256 of the file of weights when it came here. */
  readonly sha256?: string;
}

/** Told when another process holds the folder of a model and is waited for. */
type Waiting = Pick<LockOptions, 'onWait'>;

/** Each file is a stage of its own, `MODEL/FILE`. */
export interface PullOptions extends Omit<DownloadOptions, 'expected'>, Waiting {
  /** Where to ask instead: the path of the official address is put behind it. */
  readonly mirror?: string;
}

const fileSchema = Type.Object({
  file: Type.String(),
  bytes: Type.Number(),
  sha256: Type.String(),
  changed: Type.Optional(Type.Number({ description: 'time of the last change, in milliseconds; of added files' })),
});
const recordSchema = Type.Object({ name: Type.String(), files: Type.Array(fileSchema) });

/** What is written beside downloaded files, and of files of the user's own. */
type FileRecord = Read<typeof fileSchema>;

const records = { downloaded: 'downloaded.json', added: 'added.json' } as const;

/**
 * Folder of the store: `chosen` (the option --cache), else ROSETTA_CACHE, else the cache folder of the platform.
 * @throws UserError when the platform names none, or one that depends on the current folder.
 */
export function cacheFolder(
  chosen?: string,
  environment: NodeJS.ProcessEnv = process.env,
  platform = envPaths(program.name, { suffix: '' }).cache,
): string {
  const named = chosen || environment.ROSETTA_CACHE;
  if (named) return resolve(named);
  if (isAbsolute(platform)) return platform;
  throw new UserError(
    'no cache folder: HOME (or XDG_CACHE_HOME) is empty or a relative path; set it, or name a folder with --cache or ROSETTA_CACHE',
  );
}

/** The address of a file at a mirror. @throws UserError when the mirror is no address. */
export function mirrored(url: string, mirror: string | undefined): string {
  if (mirror === undefined) return url;
  const base = URL.canParse(mirror) ? new URL(mirror) : undefined;
  if (!base || !/^https?:$/.test(base.protocol))
    throw new UserError(`--mirror ${mirror} is not an address; give one such as https://mirror.example/models`);
  return `${base.origin}${base.pathname.replace(/\/$/, '')}${new URL(url).pathname}`;
}

export class ModelStore {
  readonly #official: ReadonlyMap<string, OfficialModel>;

  /** @param cache folder of the store (see `cacheFolder`), which is made when first written to. */
  constructor(
    readonly cache: string,
    official: readonly OfficialModel[] = officialModels,
  ) {
    this.#official = new Map(official.map((model) => [model.name, model]));
  }

  /** All published models, then those that were added under names of their own. */
  async list(): Promise<StoredModel[]> {
    const folders = await readdir(join(this.cache, 'models')).catch(() => []);
    const own = folders.filter((name) => isName(name) && !this.#official.has(name)).sort();
    const stored = await Promise.all([...this.#official.keys(), ...own].map((name) => this.#look(name)));
    return stored.filter(({ official, state }) => official || state === 'added');
  }

  /** @throws UserError for a name that is not known, with the nearest ones. */
  async show(name: string): Promise<StoredModel> {
    const stored = await this.#look(checkedName(name));
    if (!stored.official && stored.state === 'absent') throw await this.#unknown(name);
    return stored;
  }

  /**
   * The file of a model that is here, and its card where it is a published one.
   * @throws UserError when the name is not known, the model is not here, or its file has changed or gone.
   */
  async resolve(name: string): Promise<{ file: string; card?: PartialCard }> {
    const { state, file, official } = await this.show(name);
    if (file === undefined) {
      const missing = state === 'partial' ? 'only partly here' : 'not here yet';
      const manual = official?.files[0].manual;
      const remedy = manual
        ? `download it by hand: ${manual}; then run "rosetta zoo add ${name} FILE"`
        : `run "rosetta zoo pull ${name}"`;
      throw new UserError(`the model ${name} is ${missing}; ${remedy}`);
    }
    const record = await this.#record(name, state === 'added' ? 'added' : 'downloaded');
    const found = await stat(file).catch(() => undefined);
    if (record && state === 'added' && !found?.isFile())
      throw new UserError(
        `${file}, which was added as ${name}, is gone; "rosetta zoo add ${name} FILE" tells where it is now`,
      );
    if (record && (found?.size !== record.bytes || (record.changed ?? found.mtimeMs) !== found.mtimeMs))
      throw new UserError(
        state === 'added'
          ? `${file} has changed since it was added as ${name}; if that is meant, "rosetta zoo add ${name} ${file}" again`
          : `${file} has ${found?.size} bytes instead of ${record.bytes}: it is damaged; "rosetta zoo remove ${name}" and pull it again`,
      );
    return { file, card: official && officialCard(official) };
  }

  /**
   * Downloads the files of a published model that are not here yet; see `download` for what is resumed and checked.
   * @throws UserError saying what failed and what to do; the signal's reason when aborted.
   */
  async pull(name: string, options: PullOptions = {}): Promise<StoredModel> {
    const { official, state } = await this.show(name);
    if (!official) throw new UserError(`${name} is a file of your own; only published models can be pulled`);
    const by = official.files.find(({ manual }) => manual)?.manual;
    if (by) throw new UserError(`download ${name} by hand: ${by}; then run "rosetta zoo add ${name} FILE"`);
    if (state === 'downloaded') return this.#look(name);
    const { mirror, onWait, onProgress, ...how } = options;
    await this.#hold(name, onWait, async () => {
      const known = (await this.#records(name)) ?? [];
      const got: FileRecord[] = [];
      for (const expected of official.files) {
        const { url, file } = expected;
        const target = join(this.#folder(name), file);
        const here = await stat(target).catch(() => undefined);
        const before = known.find((record) => record.file === file && record.bytes === here?.size);
        if (before) got.push(before);
        else {
          const stage = `${name}/${file}`;
          const arrived = await download(mirrored(url, mirror), target, {
            ...how,
            onProgress: onProgress && ((progress) => onProgress({ ...progress, stage })),
            expected,
          });
          got.push({ file, ...arrived });
        }
        await this.#write(name, records.downloaded, got);
      }
    });
    return this.#look(name);
  }

  /**
   * Registers a file of the user's own; it stays where it is. Under the name of a published model it is checked
   * against what is published, and comes before a download.
   * @throws UserError when there is no such file, or it is not the published one.
   */
  async add(
    name: string,
    path: string,
    { signal, onWait }: Pick<PullOptions, 'signal' | 'onWait'> = {},
  ): Promise<StoredModel> {
    checkedName(name);
    const file = resolve(path);
    const found = await stat(file).catch(() => undefined);
    if (!found?.isFile())
      throw new UserError(`${file} ${found ? 'is not a file' : 'does not exist'}; give a file of weights`);
    const hashes = digests();
    await hashFile(file, hashes, signal).catch((error: unknown) => {
      signal?.throwIfAborted();
      throw new UserError(`${file} cannot be read (${reasonOf(error)})`);
    });
    const digest = { sha256: hashes.sha256.digest('hex'), md5: hashes.md5.digest('hex') };
    const published = this.#official.get(name)?.files[0];
    if (published) refuseOther(name, file, published, { bytes: found.size, ...digest });
    const record: FileRecord = { file, bytes: found.size, sha256: digest.sha256, changed: found.mtimeMs };
    await this.#hold(name, onWait, () => this.#write(name, records.added, [record]));
    return this.#look(name);
  }

  /**
   * Removes what was downloaded of a model, and its registration; never a file of the user's own.
   * @throws UserError when nothing is here under this name.
   */
  async remove(name: string, { onWait }: Waiting = {}): Promise<StoredModel> {
    const stored = await this.show(name);
    if (stored.state === 'absent') throw new UserError(`nothing is here of ${name}, so there is nothing to remove`);
    const folder = this.#folder(name);
    await this.#hold(name, onWait, async () => {
      for (const record of Object.values(records)) await rm(join(folder, record), { force: true });
      for (const { file } of stored.official?.files ?? []) {
        await rm(join(folder, file), { force: true });
        await new PartialFile(join(folder, file)).remove();
      }
    });
    // What else lies there is not ours.
    await rmdir(folder).catch(() => {});
    return stored;
  }

  #folder(name: string): string {
    return join(this.cache, 'models', name);
  }

  /** Holds the folder of a model during `work`. */
  #hold(name: string, onWait: Waiting['onWait'], work: () => Promise<void>): Promise<void> {
    return withFolderLock(this.#folder(name), work, { onWait });
  }

  async #look(name: string): Promise<StoredModel> {
    const official = this.#official.get(name);
    const added = await this.#record(name, 'added');
    if (added) return { name, state: 'added', official, ...pick(added), file: added.file };
    if (!official) return { name, state: 'absent' };
    const paths = official.files.map(({ file }) => join(this.#folder(name), file));
    const whole = await Promise.all(
      paths.map((path) =>
        stat(path).then(
          ({ size }) => size,
          () => undefined,
        ),
      ),
    );
    if (whole.every((size) => size !== undefined)) {
      const record = await this.#record(name, 'downloaded');
      return { name, state: 'downloaded', official, bytes: whole[0], sha256: record?.sha256, file: paths[0] };
    }
    const parts = await Promise.all(paths.map(async (path, i) => whole[i] ?? (await new PartialFile(path).size())));
    const bytes = parts.reduce((sum, size) => sum + size, 0);
    return bytes > 0 ? { name, state: 'partial', official, bytes } : { name, state: 'absent', official };
  }

  /** The record of the file of weights. */
  async #record(name: string, kind: keyof typeof records): Promise<FileRecord | undefined> {
    return (await this.#records(name, kind))?.[0];
  }

  async #records(name: string, kind: keyof typeof records = 'downloaded'): Promise<readonly FileRecord[] | undefined> {
    const read = readJson(recordSchema, (await nodeFolder(this.#folder(name)).read(records[kind])) ?? '');
    // On a disk that takes `a` and `A` for one name, the folder may be that of the other.
    return read.problem === undefined && read.value.name === name ? read.value.files : undefined;
  }

  async #write(name: string, record: string, files: readonly FileRecord[]): Promise<void> {
    const text = `${JSON.stringify({ name, files } satisfies Read<typeof recordSchema>, null, 2)}\n`;
    await nodeFolder(this.#folder(name)).write(record, [new TextEncoder().encode(text)]);
  }

  async #unknown(name: string): Promise<UserError> {
    const names = (await this.list()).map((model) => model.name);
    const near = nearest(name, names);
    return new UserError(
      `there is no model ${name}; similar names are ${near.join(', ') || 'none'} ("rosetta zoo list" has all, "rosetta zoo add" takes a file of your own)`,
    );
  }
}

const pick = ({ bytes, sha256 }: FileRecord) => ({ bytes, sha256 });

function refuseOther(
  name: string,
  file: string,
  published: OfficialFile,
  found: { bytes: number; sha256: string; md5: string },
): void {
  const differs = (what: string, is: string | number, expected: string | number) =>
    new UserError(
      `${file} is not the published ${name}: its ${what} is ${is}, ${expected} was expected. Add it under another name, or download it again`,
    );
  if (published.bytes !== undefined && published.bytes !== found.bytes)
    throw differs('size', found.bytes, published.bytes);
  for (const kind of ['sha256', 'md5'] as const) {
    const expected = published[kind];
    if (expected !== undefined && !found[kind].startsWith(expected))
      throw differs(kind.toUpperCase(), found[kind], expected);
  }
}

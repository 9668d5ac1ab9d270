// Which calls in a torch pickle are mere data: tensors, parameters, storages and a few wrappers around them.
// It reads no storage: a tensor here is a place in one.

import { UserError } from '../../errors.ts';
import type { DType } from '../../graph/tensor.ts';
import type { PickleOptions } from '../pickle/machine.ts';
import { hasKind, type CheckpointTree, type TreeGlobal, type TreeStorage, type TreeTensor } from '../tree.ts';

interface StorageType {
  readonly dtype?: DType;
  readonly bytes: number;
}

/** torch's storage classes. Those without a dtype can be passed over, but not read. */
const storageTypes = new Map<string, StorageType>([
  ['FloatStorage', { dtype: 'float32', bytes: 4 }],
  ['DoubleStorage', { dtype: 'float64', bytes: 8 }],
  ['HalfStorage', { dtype: 'float16', bytes: 2 }],
  ['BFloat16Storage', { dtype: 'bfloat16', bytes: 2 }],
  ['LongStorage', { dtype: 'int64', bytes: 8 }],
  ['IntStorage', { dtype: 'int32', bytes: 4 }],
  ['ShortStorage', { dtype: 'int16', bytes: 2 }],
  ['CharStorage', { dtype: 'int8', bytes: 1 }],
  ['ByteStorage', { dtype: 'uint8', bytes: 1 }],
  ['BoolStorage', { dtype: 'bool', bytes: 1 }],
  ['UntypedStorage', { bytes: 1 }],
  ['ComplexFloatStorage', { bytes: 8 }],
  ['ComplexDoubleStorage', { bytes: 16 }],
  ['QInt8Storage', { bytes: 1 }],
  ['QUInt8Storage', { bytes: 1 }],
  ['QInt32Storage', { bytes: 4 }],
  ['QUInt4x2Storage', { bytes: 1 }],
  ['QUInt2x4Storage', { bytes: 1 }],
]);

/** Element types that are named by `_rebuild_tensor_v3`; it is used for those that have no storage class. */
const dtypes = new Set<string>([
  'uint16',
  'uint32',
  'uint64',
  'float32',
  'float64',
  'float16',
  'bfloat16',
  'bool',
] satisfies DType[]);
const isDType = (name: string): name is DType => dtypes.has(name);

/** Calls that return their first argument, as far as the data go. */
const wrappers = new Set([
  'torch.Size',
  'torch._utils._rebuild_parameter',
  'torch._utils._rebuild_parameter_with_state',
  'torch.nn.parameter.Parameter',
  'torch.autograd.variable.Variable',
  'torch.jit._pickle.restore_type_tag',
  'torch.jit._pickle.build_boollist',
  'torch.jit._pickle.build_doublelist',
  'torch.jit._pickle.build_intlist',
  'torch.jit._pickle.build_tensorlist',
]);

const isCount = (value: unknown): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
/** Sizes or strides: torch has at most 64 dimensions. */
const isCounts = (value: CheckpointTree): value is number[] =>
  Array.isArray(value) && value.length <= 64 && value.every(isCount);

/** How to read the pickles of one torch file. Messages call it `file`. */
export function torchOptions(file: string): PickleOptions {
  const storages = new Map<string, TreeStorage>();
  const damaged = (what: string): never => {
    throw new UserError(`${file}: ${what}. The file is damaged, or was not written by torch.save: download it again.`);
  };

  const tensor = (dtype: DType | undefined, args: CheckpointTree[]): TreeTensor | undefined => {
    const [storage, offset, shape, strides] = args;
    if (!hasKind(storage, 'storage') || !isCount(offset) || !isCounts(shape) || !isCounts(strides)) {
      return damaged('it has a tensor without a valid storage, offset, shape or strides');
    }
    if (shape.length !== strides.length) damaged(`it has a tensor of shape [${shape.join(', ')}] and other strides`);
    return dtype && { kind: 'tensor', dtype, shape, strides, offset, storage };
  };

  function construct({ module, name }: TreeGlobal, args: CheckpointTree[]): CheckpointTree | undefined {
    const path = `${module}.${name}`;
    if (wrappers.has(path)) return args[0];
    switch (path) {
      case 'torch._utils._rebuild_tensor':
      case 'torch._utils._rebuild_tensor_v2':
        return tensor(hasKind(args[0], 'storage') ? args[0].dtype : undefined, args);
      case 'torch._utils._rebuild_tensor_v3': {
        const dtype = hasKind(args[6], 'global') ? args[6].name : '';
        return tensor(isDType(dtype) ? dtype : undefined, args);
      }
      case 'torch._tensor._rebuild_from_type_v2': {
        const [callable, , inner] = args;
        return hasKind(callable, 'global') && callable.name !== name && Array.isArray(inner)
          ? construct(callable, inner)
          : undefined;
      }
      default:
        return undefined;
    }
  }

  /** ('storage', class, key, device, elements) and, in legacy files, a view: (key, first element, elements) or None. */
  function persistent(id: CheckpointTree): CheckpointTree {
    if (!Array.isArray(id)) return damaged('it refers to a storage by an id that is no tuple');
    if (id[0] === 'module') return id[1] ?? null;
    const [tag, type, key, , count, view = null] = id;
    if (tag !== 'storage' || !hasKind(type, 'global') || !isCount(count) || key === null || typeof key === 'object') {
      return damaged('it refers to a storage by an id that is not of the known form');
    }
    const [, viewStart, viewCount] = Array.isArray(view) ? view : [null, 0, count];
    if (!isCount(viewStart) || !isCount(viewCount) || viewStart + viewCount > count) {
      return damaged(`storage ${String(key)} has a view that does not lie inside it`);
    }
    const known = storageTypes.get(type.name);
    if (!known) return damaged(`storage ${String(key)} is of the unknown type ${type.module}.${type.name}`);
    const { dtype, bytes } = known;
    const found: TreeStorage = {
      ...{ kind: 'storage', type: type.name, dtype, key: String(key), elementBytes: bytes },
      ...{ count, viewStart, viewCount },
    };
    const first = storages.get(found.key) ?? found;
    if (first.type !== found.type || first.count !== count) damaged(`storage ${found.key} is declared in two ways`);
    storages.set(found.key, first);
    return viewStart === first.viewStart && viewCount === first.viewCount ? first : found;
  }

  return { construct, persistent };
}

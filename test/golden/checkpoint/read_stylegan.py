"""A second, independent reader of StyleGAN pickles (Python's pickle and NumPy): writes stylegan.json.

    python3 read_stylegan.py FILE...     # by their paths in test/golden
Per file: `tensors`, a list of [name, type, shape, CRC-32 of the contiguous data]; `modules`, of every module of G_ema by
path its class and its attributes that are plain data (texts, numbers, lists, dicts; NumPy's arrays flat).
"""
import collections, io, json, os, pickle, struct, sys, zlib
import numpy as np

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..')
TYPES = dict(FloatStorage=('float32', '<f4'), DoubleStorage=('float64', '<f8'), HalfStorage=('float16', '<f2'), LongStorage=('int64', '<i8'),
             IntStorage=('int32', '<i4'), ByteStorage=('uint8', 'u1'), BoolStorage=('bool', '?'))

class Object:
    """Of any class: its name, and what was stored in it."""
    def __init__(self, *args, **kwargs): self.stored = None
    def __setstate__(self, state): self.stored = state

class Dict(dict):
    """A subclass of dict."""
    def __init__(self, *args, **kwargs): pass
    def __setstate__(self, state): pass

class Tensor:
    def __init__(self, storage, offset, shape, strides, *rest):
        self.type, flat = storage
        self.array = np.lib.stride_tricks.as_strided(flat[offset:], shape, [s * flat.itemsize for s in strides])

def persistent(meta):
    made = type(meta['class_name'], (Object,), {})()
    made.stored = meta['state']
    return made

def create_array(make, args, state, npdict=None):
    array = make(*args)
    array.__setstate__(state)
    return array

class Inner(pickle.Unpickler):
    def find_class(self, module, name):
        assert module == 'torch' and name in TYPES or (module, name) == ('collections', 'OrderedDict'), (module, name)
        return name if name in TYPES else collections.OrderedDict
    def persistent_load(self, pid):
        assert pid[0] == 'storage' and pid[5] is None
        return pid[1], pid[2], pid[4]

def load_from_bytes(data):
    file = io.BytesIO(data)
    magic, version, system, (storage, key, count), keys = (Inner(file).load() for _ in range(5))
    assert (magic, version, system['little_endian'], keys) == (0x1950a86a20f9469cfc6c, 1001, True, [key])
    assert struct.unpack('<q', file.read(8))[0] == count
    name, code = TYPES[storage]
    return name, np.frombuffer(file.read(), code, count)

class Outer(pickle.Unpickler):
    def find_class(self, module, name):
        known = {('torch_utils.persistence', '_reconstruct_persistent_obj'): persistent, ('torch.storage', '_load_from_bytes'): load_from_bytes,
                 ('torch._utils', '_rebuild_tensor_v2'): Tensor, ('torch._utils', '_rebuild_parameter'): lambda data, *rest: data,
                 ('dill._dill', '_create_array'): create_array, ('dnnlib.util', 'EasyDict'): Dict}
        if (module, name) in known: return known[module, name]
        if module.split('.')[0] in ('numpy', 'collections', 'builtins', '_codecs'): return super().find_class(module, name)
        return type(name, (Object,), {'__module__': module})

def members(state):
    for key, value in state.items():
        if key in ('_parameters', '_buffers', '_modules') and isinstance(value, dict): yield from value.items()
        else: yield key, value

def tensors(value, path=()):
    if isinstance(value, Tensor):
        yield '.'.join(path), value.type, list(value.array.shape), zlib.crc32(np.ascontiguousarray(value.array).tobytes())
        return
    items = ()
    if isinstance(value, dict): items = value.items()
    elif isinstance(value, (list, tuple, set)): items = enumerate(value)
    elif isinstance(value, Object) and isinstance(value.stored, dict): items = members(value.stored)
    for key, item in items: yield from tensors(item, (*path, str(key)))

MISSING = object()

def plain(value):
    if value is None or isinstance(value, (bool, int, float, str)): return value
    if isinstance(value, np.generic): return value.item()
    if isinstance(value, np.ndarray): return value.ravel().tolist() if value.ndim else value.item()
    if isinstance(value, (list, tuple, set)):
        items = [plain(item) for item in value]
        return MISSING if any(item is MISSING for item in items) else items
    if isinstance(value, dict):
        items = {str(key): plain(item) for key, item in value.items() if isinstance(key, (str, int, float))}
        return {key: item for key, item in items.items() if item is not MISSING}
    return MISSING

def modules(value, path=()):
    hidden = ('_parameters', '_buffers', '_modules', '_non_persistent_buffers_set', '_is_full_backward_hook')
    yield '.'.join(path), type(value).__name__, plain({k: v for k, v in value.stored.items() if k not in hidden and 'hooks' not in k})
    for key, child in value.stored['_modules'].items():
        if child is not None: yield from modules(child, (*path, key))

result = {}
for name in sys.argv[1:]:
    value = Outer(open(os.path.join(FOLDER, name), 'rb')).load()
    result[name] = dict(tensors=list(tensors(value)), modules={path: [kind, own] for path, kind, own in modules(value['G_ema'])})
with open(os.path.join(FOLDER, 'checkpoint/stylegan.json'), 'w') as file:
    file.write('{\n' + ',\n'.join(
        f'{json.dumps(name)}: {{\n"tensors": [\n' + ',\n'.join(map(json.dumps, r['tensors'])) + '\n],\n"modules": {\n'
        + ',\n'.join(f'{json.dumps(k)}: {json.dumps(v)}' for k, v in r['modules'].items()) + '\n}}' for name, r in result.items()) + '\n}\n')

"""A second, independent reader of torch files (Python's pickle and NumPy): writes official.json, one digest per file.

    python3 read.py FOLDER FILE...     # files by their paths in FOLDER
The digest is the SHA-256 of one line per tensor, sorted: name, type, shape, CRC-32 of the contiguous data.
"""
import collections, hashlib, io, json, os, pickle, struct, sys, zipfile, zlib
import numpy as np

TYPES = dict(FloatStorage=('float32', '<f4'), DoubleStorage=('float64', '<f8'), HalfStorage=('float16', '<f2'), LongStorage=('int64', '<i8'),
             IntStorage=('int32', '<i4'), ByteStorage=('uint8', 'u1'), BoolStorage=('bool', '?'))

class Anything:
    def __init__(self, *args, **kwargs): pass

class Tensor:
    def __init__(self, storage, offset, shape, strides): self.place = storage, offset, shape, strides

def rebuild(storage, offset, shape, strides, *rest): return Tensor(storage, offset, shape, strides)

class Unpickler(pickle.Unpickler):
    def find_class(self, module, name):
        if module == 'torch' and name in TYPES: return name
        if name in ('_rebuild_tensor', '_rebuild_tensor_v2'): return rebuild
        if (module, name) == ('collections', 'OrderedDict'): return collections.OrderedDict
        return type(name, (Anything,), {'__module__': module})
    def persistent_load(self, pid):
        assert pid[0] == 'storage' and (len(pid) == 5 or pid[5] is None)
        self.seen[pid[2]] = pid[1:3]
        return pid[1:3]

def load(file):
    u = Unpickler(file)
    u.seen = {}
    return u.load(), u.seen

def read(path):
    data = open(path, 'rb').read()
    if data[:2] == b'PK':
        z = zipfile.ZipFile(io.BytesIO(data))
        root = next(n for n in z.namelist() if n.endswith('/data.pkl'))[:-8]
        value, _ = load(io.BytesIO(z.read(root + 'data.pkl')))
        return value, lambda key, dtype: np.frombuffer(z.read(root + 'data/' + key), dtype)
    f = io.BytesIO(data)
    for _ in range(3): load(f)
    value, seen = load(f)
    arrays = {}
    for key in load(f)[0]:
        count = struct.unpack('<q', f.read(8))[0]
        dtype = np.dtype(TYPES[seen[key][0]][1])
        arrays[key] = np.frombuffer(f.read(count * dtype.itemsize), dtype)
    assert f.read() == b''
    return value, lambda key, dtype: arrays[key]

def walk(value, path=()):
    if isinstance(value, Tensor): yield '.'.join(path), value
    elif isinstance(value, dict): items = value.items()
    elif isinstance(value, (list, tuple)): items = enumerate(value)
    else: items = getattr(value, '__dict__', {}).items()
    if not isinstance(value, Tensor):
        for key, item in items: yield from walk(item, (*path, str(key)))

result = {}
for name in sys.argv[2:]:
    value, array = read(os.path.join(sys.argv[1], name))
    lines = []
    for key, tensor in walk(value):
        (storage, data_key), offset, shape, strides = tensor.place
        dtype, code = TYPES[storage]
        flat = array(data_key, code)
        view = np.lib.stride_tricks.as_strided(flat[offset:], shape, [s * flat.itemsize for s in strides])
        lines.append(f'{key} {dtype} [{", ".join(map(str, shape))}] {zlib.crc32(np.ascontiguousarray(view).tobytes())}\n')
    result[name] = dict(tensors=len(lines), sha256=hashlib.sha256(''.join(sorted(lines)).encode()).hexdigest())
json.dump(result, open('official.json', 'w'), indent=1)

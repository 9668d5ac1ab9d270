"""Writes the small checkpoints of this folder, and what is in them, with Python's own pickle and zipfile and with NumPy.

torch is not needed: stand-ins in its modules make pickle emit the names that torch.save emits. Run in this folder:
    python3 make.py
"""
import argparse, collections, io, json, pickle, struct, sys, types, zipfile
import numpy as np

# ---- stand-ins: only their names reach the files -------------------------------------------------------------------

def module(name, **members):
    m = sys.modules[name] = types.ModuleType(name)
    for key, value in members.items():
        value.__module__, value.__qualname__, value.__name__ = name, key, key
        setattr(m, key, value)
    return m

def function(): return lambda *args: None
def klass(): return type('klass', (), {})

CODES = dict(FloatStorage=('F32', '<f4'), DoubleStorage=('F64', '<f8'), HalfStorage=('F16', '<f2'), BFloat16Storage=('BF16', '<u2'),
             LongStorage=('I64', '<i8'), IntStorage=('I32', '<i4'), ShortStorage=('I16', '<i2'), CharStorage=('I8', 'i1'),
             ByteStorage=('U8', 'u1'), BoolStorage=('BOOL', '?'), ComplexFloatStorage=(None, '<c8'), QInt8Storage=(None, 'i1'))
torch = module('torch', Size=function(), uint16=function(), device=function(), per_tensor_affine=function(),
               **{name: klass() for name in CODES})
utils = module('torch._utils', _rebuild_tensor=function(), _rebuild_tensor_v2=function(), _rebuild_tensor_v3=function(),
               _rebuild_parameter=function(), _rebuild_qtensor=function(), _rebuild_sparse_tensor=function())
module('torch.storage', UntypedStorage=klass())
module('torch._tensor', _rebuild_from_type_v2=function())
module('torch.nn.parameter', Parameter=klass())
module('net', Block=klass(), Net=klass(), EasyDict=type('EasyDict', (dict,), {}), run=function())

class Storage:
    """A flat array; `view` makes legacy files refer to a part of it, as old torch did."""
    def __init__(self, kind, values, view=None):
        self.kind, self.key, self.view = kind, None, view
        self.array = np.asarray(values, CODES[kind][1]) if kind in CODES else np.asarray(values)

class Tensor:
    def __init__(self, storage, offset, shape, strides, version=2, dtype=None):
        self.storage, self.offset, self.shape, self.strides = storage, offset, tuple(shape), tuple(strides)
        self.version, self.dtype = version, dtype
    def __reduce_ex__(self, protocol):
        place = (self.storage, self.offset, self.shape, self.strides)
        if self.version == 1: return utils._rebuild_tensor, place
        if self.version == 3: return utils._rebuild_tensor_v3, (*place, False, collections.OrderedDict(), torch.uint16, None)
        return utils._rebuild_tensor_v2, (*place, False, collections.OrderedDict())
    def numpy(self):
        array = self.storage.array if self.dtype is None else self.storage.array.view(self.dtype)
        if self.storage.view: array = array[self.storage.view[0]:]
        return np.lib.stride_tricks.as_strided(array[self.offset:], self.shape, [s * array.itemsize for s in self.strides]).copy()

class Call:
    """Pickles as a call of `function(*args)`, with `state` to be set on the result."""
    def __init__(self, function, args, state=None): self.reduced = (function, args) + ((state,) if state else ())
    def __reduce_ex__(self, protocol): return self.reduced

# ---- the two formats ----------------------------------------------------------------------------------------------

def dump(value, protocol, storages, legacy):
    class Pickler(pickle.Pickler):
        def persistent_id(self, obj):
            if not isinstance(obj, Storage): return None
            obj.key = storages.setdefault(id(obj.array), (str(len(storages)), obj))[0]
            kind = getattr(torch, obj.kind, None) or sys.modules['torch.storage'].UntypedStorage
            view = (obj.key + 'v', obj.view[0], obj.view[1]) if obj.view else None
            return ('storage', kind, obj.key, 'cuda:0', obj.array.size) + ((view,) if legacy else ())
    out = io.BytesIO()
    Pickler(out, protocol).dump(value)
    return out.getvalue()

def save_zip(path, value, protocol=2, method=zipfile.ZIP_STORED, zip64=False, byteorder=None):
    storages, limits = {}, (zipfile.ZIP64_LIMIT, zipfile.ZIP_FILECOUNT_LIMIT)
    if zip64: zipfile.ZIP64_LIMIT, zipfile.ZIP_FILECOUNT_LIMIT = 0, 0
    with zipfile.ZipFile(path, 'w', method) as z:
        def write(name, data): z.writestr(zipfile.ZipInfo('any name/' + name), data, method)
        write('data.pkl', dump(value, protocol, storages, False))
        for key, storage in storages.values(): write('data/' + key, storage.array.tobytes())
        if byteorder: write('byteorder', byteorder)
        write('version', '3\n')
    zipfile.ZIP64_LIMIT, zipfile.ZIP_FILECOUNT_LIMIT = limits

def save_legacy(path, value, protocol=2, little_endian=True):
    storages = {}
    system = dict(protocol_version=1001, little_endian=little_endian, type_sizes=dict(short=2, int=4, long=4))
    with open(path, 'wb') as f:
        for first in (0x1950a86a20f9469cfc6c, 1001, system): f.write(pickle.dumps(first, protocol))
        f.write(dump(value, protocol, storages, True))
        pairs = sorted(storages.values(), key=lambda pair: pair[0], reverse=True)  # the key list has an order of its own
        f.write(pickle.dumps([key for key, _ in pairs], protocol))
        for _, storage in pairs: f.write(struct.pack('<q', storage.array.size) + storage.array.tobytes())

def save_safetensors(path, tensors, metadata=None):
    header, data = ({'__metadata__': metadata} if metadata else {}), b''
    for name, (code, array) in tensors.items():
        raw = array.tobytes()
        header[name] = dict(dtype=code, shape=list(array.shape), data_offsets=[len(data), len(data) + len(raw)])
        data += raw
    text = json.dumps(header).encode()
    text += b' ' * (-len(text) % 8)
    with open(path, 'wb') as f: f.write(struct.pack('<Q', len(text)) + text + data)

def strides(shape): return [int(np.prod(shape[i + 1:])) for i in range(len(shape))]
def whole(kind, array, version=2): return Tensor(Storage(kind, array.ravel()), 0, array.shape, strides(array.shape), version)
def expected(tensors): return {n: ('U16' if t.dtype else CODES[t.storage.kind][0], t.numpy()) for n, t in tensors.items()}

# ---- tensors.*: every element type and every way to lie in a storage -------------------------------------------------

rng = np.random.default_rng(1)
state = collections.OrderedDict()
for kind, (code, dtype) in CODES.items():
    if code is None: continue
    values = rng.integers(0, 2 if kind == 'BoolStorage' else 100, (2, 3)) if np.dtype(dtype).kind in 'iub' else rng.normal(size=(2, 3))
    state[kind] = whole(kind, values.astype(dtype))
state['LongStorage'].storage.array[:2] = [2**62 + 1, -2**62]
shared = Storage('FloatStorage', rng.normal(size=240))
state['shared.a'] = Tensor(shared, 0, (10, 12), (12, 1))
state['shared.b'] = Tensor(shared, 120, (10, 12), (12, 1))
state['transposed'] = Tensor(shared, 5, (6, 7), (1, 9))
state['permuted'] = Tensor(shared, 0, (1, 3, 4, 5), (1, 4, 12, 48))
state['expanded'] = Tensor(shared, 7, (3, 2, 4), (0, 0, 2))
state['scalar'] = Tensor(Storage('LongStorage', [42]), 0, (), ())
state['empty'] = Tensor(Storage('FloatStorage', []), 0, (0, 5), (5, 1))
state['version1'] = whole('FloatStorage', rng.normal(size=(2, 2)), version=1)
save_safetensors('tensors.safetensors', expected(state), {'format': 'pt', 'made': 'by hand'})
save_zip('tensors.pth', state)
save_zip('tensors-protocol5.pth', state, 5)
save_zip('tensors-deflated.pth', state, method=zipfile.ZIP_DEFLATED)
save_zip('tensors-zip64.pth', state, zip64=True, byteorder='little')
save_legacy('tensors-legacy.pth', state)
save_legacy('tensors-legacy-protocol4.pth', state, 4)
save_zip('big-endian.pth', {'a': state['scalar']}, byteorder='big')
save_legacy('big-endian-legacy.pth', {'a': state['scalar']}, little_endian=False)

# A legacy file whose tensors see parts of one storage.
base = np.arange(20, dtype='<f4')
views = {}
for i, (first, count) in enumerate([(0, 8), (8, 12)]):
    storage = Storage('FloatStorage', [], (first, count))
    storage.array = base
    views[f'part{i}'] = Tensor(storage, 1, (2, 3), (3, 1))
save_legacy('views-legacy.pth', views)
save_safetensors('views.safetensors', expected(views))

# ---- objects.*: what else is in checkpoints ----------------------------------------------------------------------------

a, b, c = (whole('FloatStorage', np.full(3, i, '<f4')) for i in (1, 2, 3))
names = collections.OrderedDict(weight=a, bias=Call(utils._rebuild_parameter, (b, True, collections.OrderedDict())))
names._metadata = collections.OrderedDict({'': dict(version=1)})
net, block = sys.modules['net'].Net(), sys.modules['net'].Block()
block.__dict__.update(training=False, _parameters=collections.OrderedDict(weight=a, bias=None), _buffers=collections.OrderedDict(mean=b), _modules=collections.OrderedDict())
net.__dict__.update(training=False, _parameters={}, _buffers={}, _modules=collections.OrderedDict({'0': block}), filter=c)
easy = sys.modules['net'].EasyDict(kernel=c, size=4)
cycle = {'tensor': a, 'list': []}
cycle['list'].append(cycle)
uint16 = Tensor(Storage('UntypedStorage', np.frombuffer(struct.pack('<4H', 1, 2, 65535, 4), 'u1')), 1, (3,), (1,), 3, '<u2')
quantized = Call(utils._rebuild_qtensor, (Storage('QInt8Storage', [1, 2, 3]), 0, (3,), (1,), (torch.per_tensor_affine, 0.1, 0), False, collections.OrderedDict()))
sparse = Call(utils._rebuild_sparse_tensor, (2, (whole('LongStorage', np.zeros((2, 1), '<i8')), a, Call(torch.Size, ([3, 3],)))))
objects = dict(
    state_dict=names, net=net, easy=easy, cycle=cycle, uint16=uint16, quantized=quantized, sparse=sparse,
    complex=whole('ComplexFloatStorage', np.ones(2, '<c8')),
    subclass=Call(sys.modules['torch._tensor']._rebuild_from_type_v2, (utils._rebuild_tensor_v2, torch.Size, (c.storage, 0, (3,), (1,), False, collections.OrderedDict()), {'x': 1})),
    args=argparse.Namespace(arch='resnet50', lr=0.1, epochs=100, resume=None, crops=(0.4, 1.0)),
    optimizer={'state': {0: {'step': 7, 'exp_avg': b}, 1: {'step': 7, 'exp_avg': c}}, 'param_groups': [{'lr': 0.1, 'params': [0, 1]}]},
    history=[a, (b, {'last': c})], accuracy=np.float64(0.75), array=np.arange(3), names={'x', 'y'}, size=Call(torch.Size, ([3, 3],)),
    big=2**80, keys={(1, 2): a, None: b, True: c}, called=Call(sys.modules['net'].run, ('touch executed',)),
)
save_zip('objects.pth', objects)
save_legacy('objects-legacy.pth', objects)

# ---- pickles.json: plain objects in every protocol ------------------------------------------------------------------

def plain(value):
    """The JSON that the reader's value is turned into for comparison."""
    if isinstance(value, bool) or value is None or isinstance(value, str): return value
    if isinstance(value, int): return value if abs(value) < 2**53 else {'int': str(value)}
    if isinstance(value, float): return {'float': value.hex()} if np.isfinite(value) else {'float': repr(value)}
    if isinstance(value, (bytes, bytearray)): return {'bytes': value.hex()}
    if isinstance(value, (list, tuple)): return [plain(v) for v in value]
    if isinstance(value, (set, frozenset)): return {'set': sorted(map(plain, value))}
    return {'dict': [[plain(k), plain(v)] for k, v in value.items()]}

twice = [1, 2]
values = dict(
    numbers=[0, 1, -1, 255, 256, 65535, 65536, -2**31, 2**31 - 1, 2**31, 2**53 - 1, -2**63, 2**64, 2**80, -2**2000],
    floats=[0.0, -0.0, 1.5, -1e-300, 1e300, float('inf'), float('-inf'), 0.1],
    constants=[None, True, False],
    texts=['', 'abc', 'caf\u00e9 \u2603 \U0001f600', 'line\nfeed \\ "quoted" \'too\'', 'x' * 300],
    bytes=[b'', b'\x00\xff\x80', b'y' * 300, bytearray(b'\x01\x02')],
    containers=[[], [1], [1, 2], (), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4), {}, {'a': 1}, {'a': 1, 2: 'b'}, {1, 2}, frozenset({3})],
    ordered=collections.OrderedDict([('z', 1), ('a', [2])]),
    repeated=[twice, twice, {'again': twice}],
    many=list(range(1500)),
    deep=[[[[[[[[1]]]]]]]],
)
rows = [dict(name=f'{name}, protocol {p}', hex=pickle.dumps(v, p).hex(), value=plain(v)) for name, v in values.items() for p in range(6)]
# What Python 2 and hand-written pickles hold.
for name, raw in [
    ('short string of Python 2', b'\x80\x02U\x03a\xe9bq\x00.'),
    ('string of Python 2', b'T\x02\x00\x00\x00\xff\x80.'),
    ('quoted string of Python 2', b"S'a\\n\\x41\\''\np0\n."),
    ('list of Python 2', b"(lp0\nI1\naI01\naL5L\naF2.5\na."),
    ('dict of Python 2', b"(dp0\nS'a'\nI1\ns(I2\nI3\ntp1\nS'b'\ns."),
    ('popped mark', b'K\x01(0.'),
    ('duplicate', b'K\x012\x86.'),
    ('popped to mark', b'K\x07(K\x01K\x021.'),
]: rows.append(dict(name=name, hex=raw.hex(), value=plain(pickle.loads(raw, encoding='latin1'))))
json.dump(rows, open('pickles.json', 'w'), separators=(',', ':'))

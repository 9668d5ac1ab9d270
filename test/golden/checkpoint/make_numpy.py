"""NumPy's scalars and arrays as NumPy pickles them in every protocol: writes numpy.json, rows of name, pickle and value."""
import json, os, pickle
import numpy as np

values = dict(
    f8=np.float64(0.1), f4=np.float32(-1.5), i8=np.int64(-3), i4=np.int32(7), u8=np.uint64(2**40), u1=np.uint8(255), yes=np.bool_(True),
    vector=np.array([28, 36]), matrix=np.arange(6, dtype='f4').reshape(2, 3), big_endian=np.array([1.5, 2], '>f8'), flags=np.array([True, False]),
    empty=np.zeros((0, 3)), zero_d=np.array(2.5), broadcast=np.broadcast_to(np.int64(8), [2]), half=np.arange(6.).reshape(2, 3)[:, 1:],
    fortran_vector=np.asfortranarray(np.arange(3)),
)
rows = [dict(name=f'{name}, protocol {p}', hex=pickle.dumps(v, p).hex(), value=v.ravel().tolist() if v.ndim else v.item())
        for name, v in values.items() for p in range(2, 6)]
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), 'numpy.json'), 'w') as file:
    file.write('[\n' + ',\n'.join(map(json.dumps, rows)) + '\n]\n')

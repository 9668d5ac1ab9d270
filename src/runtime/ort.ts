// ONNX Runtime's JavaScript interface as an `Engine`, whichever package (node or web) provides it.
// It chooses no device and imports no package: those who call it bring the implementation.

import type { InferenceSession, Tensor as OrtTensor, TensorConstructor } from 'onnxruntime-common';
import { UserError } from '../errors.ts';
import { isDType, type Tensor, type TensorData } from '../graph/tensor.ts';
import type { Outputs, Session } from './engine.ts';

/** Wraps a session; `OrtTensorClass` is the tensor class of the same package. */
export function wrapSession(session: InferenceSession, OrtTensorClass: TensorConstructor): Session {
  const toOrt = ({ dtype, data, shape }: Tensor): OrtTensor => {
    if (dtype === 'bfloat16') throw new Error('the engine takes no bfloat16 from outside');
    return new OrtTensorClass(dtype, data, shape);
  };
  return {
    async run(feeds) {
      const inputs: Record<string, OrtTensor> = {};
      for (const name of session.inputNames) {
        const tensor = feeds[name];
        if (!tensor) throw new Error(`the graph input "${name}" was not fed; got ${Object.keys(feeds).join(', ')}`);
        inputs[name] = toOrt(tensor);
      }
      return wrapOutputs(await session.run(inputs));
    },
    release: () => session.release(),
  };
}

/** Texts are none; sequences and maps have no data. */
const isTensorData = (data: OrtTensor['data'] | undefined): data is TensorData => ArrayBuffer.isView(data);

function wrapOutputs(results: InferenceSession.OnnxValueMapType): Outputs {
  const tensors: Record<string, Tensor> = {};
  for (const [name, value] of Object.entries(results)) {
    const { type, dims, data } = value;
    if (!isDType(type) || !isTensorData(data))
      throw new UserError(`output "${name}" is not a tensor of numbers; take another output of the model`);
    tensors[name] = { dtype: type, shape: dims, data };
  }
  return {
    tensors,
    dispose(keep = []) {
      for (const [name, value] of Object.entries(results)) {
        if (!keep.includes(name)) value.dispose();
      }
    },
  };
}

// ONNX Runtime's JavaScript interface as an `Engine`, whichever package (node or web) provides it.
// It chooses no device and imports no package: those who call it bring the implementation.

import type { InferenceSession, Tensor as OrtTensor, TensorConstructor } from 'onnxruntime-common';
import { UserError } from '../errors.ts';
import type { DType, Tensor, TensorData } from '../graph/tensor.ts';
import type { Outputs, Session } from './engine.ts';

/** Wraps a session; `OrtTensorClass` is the tensor class of the same package. */
export function wrapSession(session: InferenceSession, OrtTensorClass: TensorConstructor): Session {
  const toOrt = (tensor: Tensor): OrtTensor =>
    new OrtTensorClass(tensor.dtype as 'float32', tensor.data as Float32Array, tensor.shape);
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

function wrapOutputs(results: InferenceSession.OnnxValueMapType): Outputs {
  const tensors: Record<string, Tensor> = {};
  for (const [name, value] of Object.entries(results)) {
    if (!('data' in value)) throw new UserError(`output "${name}" is not a tensor; take another output of the model`);
    tensors[name] = { dtype: value.type as DType, shape: value.dims, data: value.data as TensorData };
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

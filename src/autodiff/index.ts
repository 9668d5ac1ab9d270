// Gradients of ONNX graphs, as ONNX graphs of ordinary operators.
// It knows no engine and no model: what comes out runs wherever the graph that went in runs.

export { cotangentName, gradient, gradientName, vjp, type GraphGradientOptions } from './gradient.ts';
export { gradients, vectorJacobian, type GradientOptions } from './reverse.ts';
export { gradientRules } from './rules/index.ts';
export { GradientError, type Applied, type GradientRule, type GradientRules } from './rule.ts';
export { simplify } from './simplify.ts';

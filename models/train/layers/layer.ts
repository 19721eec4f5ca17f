import type { Random } from '../random.ts'

/** Trained numbers and what the current minibatch says about them. Row-major in `dims`. */
export type Parameter = {
  name: string
  dims: readonly number[]
  value: Float64Array
  gradient: Float64Array
}

/**
 * One step of a network, for one sample at a time. Buffers belong to the layer and are reused: read a
 * result before the next call. `backward` takes the loss's gradient by the output of the last
 * `forward`, adds to the parameters' gradients and returns the gradient by the input.
 */
export type Layer = {
  forward(input: Float64Array): Float64Array
  backward(gradient: Float64Array): Float64Array
  parameters: Parameter[]
}

/** Weights uniform in ±sqrt(6 / inputs) (He and others, 2015, the uniform form: no logarithm needed). */
export function heUniform(name: string, dims: readonly number[], inputs: number, random: Random): Parameter {
  const parameter = zeros(name, dims)
  const limit = Math.sqrt(6 / inputs)
  for (let i = 0; i < parameter.value.length; i++) parameter.value[i] = (random.uniform() * 2 - 1) * limit
  return parameter
}

/** A parameter that starts at zero, as biases do. */
export function zeros(name: string, dims: readonly number[]): Parameter {
  const size = dims.reduce((product, dim) => product * dim, 1)
  return { name, dims, value: new Float64Array(size), gradient: new Float64Array(size) }
}

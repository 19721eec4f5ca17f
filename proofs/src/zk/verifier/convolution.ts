/** Convolution and unfolding, whose geometry is the polynomial G (docs/zk-soundness.md, section 7, step 6). */
import type { Stride } from '../graph/graph.ts'
import { bits } from '../graph/limits.ts'
import { equal, type K, mul } from './field.ts'
import { groupsOf, valid, type Window, windowSum } from './points.ts'
import type { Session } from './session.ts'
import { sumcheck } from './sumcheck.ts'
import { type VirtualClaim, withoutBias } from './virtual.ts'

/** In two sumchecks: over the image, then over the kernel. */
export function checkConv(session: Session, virtual: VirtualClaim<'conv'>): void {
  const { graph, layout, channel, checks, claims } = session
  const { name, node, dims } = virtual
  const [batch, outputs, outY, outX] = virtual.groups as [K[], K[], K[], K[]]
  const [, channels, height, width] = layout.tensors[node.x]!.dims as [number, number, number, number]
  const kernel = graph.parameters[node.weight]!.dims.slice(2) as [number, number]
  const [y, x] = windowsOf(node, dims.slice(2), kernel, [height, width])
  const rows = valid([dims[0]!, dims[2]!, dims[3]!], [...batch, ...outY, ...outX])
  const product = withoutBias(session, virtual, outputs, rows)

  const image = sumcheck(channel, product, bits(channels) + bits(height) + bits(width), 2)
  const [value, filter] = channel.receive('factors', 2) as [K, K]
  checks.ensure(name, equal(image.claim, mul(value, filter)), 'the products with the filters add up')
  const [channelAt, inY, inX] = groupsOf([channels, height, width], image.point)

  const taps = sumcheck(channel, filter, bits(kernel[0]) + bits(kernel[1]), 2)
  const [weight] = channel.receive('weight', 1) as [K]
  const [tapY, tapX] = groupsOf(kernel, taps.point)
  const geometry = mul(windowSum(y, outY, tapY!, inY!), windowSum(x, outX, tapX!, inX!))
  checks.ensure(
    `${name}-filter`,
    equal(taps.claim, mul(weight, geometry)),
    'filters lie where strides and pads say',
  )
  claims.tensor(node.x, [...batch, ...image.point], value)
  claims.parameter(node.weight, [...outputs, ...channelAt!, ...taps.point], weight)
}

export function checkUnfold(
  session: Session,
  { name, node, dims, groups, claim }: VirtualClaim<'unfold'>,
): void {
  const { layout, channel, checks, claims } = session
  const [batch, channels, outY, outX, tapY, tapX] = groups as [K[], K[], K[], K[], K[], K[]]
  const [height, width] = layout.tensors[node.x]!.dims.slice(2) as [number, number]
  const [y, x] = windowsOf(node, dims.slice(2, 4), node.kernel, [height, width])
  const image = sumcheck(channel, claim.value, bits(height) + bits(width), 2)
  const [value] = channel.receive('factors', 1) as [K]
  const [inY, inX] = groupsOf([height, width], image.point)
  const geometry = mul(windowSum(y, outY, tapY, inY!), windowSum(x, outX, tapX, inX!))
  checks.ensure(name, equal(image.claim, mul(value, geometry)), 'patches lie where strides and pads say')
  claims.tensor(node.x, [...batch, ...channels, ...image.point], value)
}

/** The two sides: vertical, horizontal. */
function windowsOf(
  { stride, pads }: Stride,
  outputs: readonly number[],
  kernel: readonly number[],
  inputs: readonly number[],
): [Window, Window] {
  const side = (axis: 0 | 1, pad: number): Window => ({
    outputs: outputs[axis]!,
    kernel: kernel[axis]!,
    inputs: inputs[axis]!,
    stride: stride[axis],
    pad,
  })
  const [top, , left] = pads
  return [side(0, top), side(1, left)]
}

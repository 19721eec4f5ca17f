import { toHex, utf8 } from '@nacre/verify/bytes'
import { expect, test } from 'vitest'
import { createTranscript } from './transcript.ts'

// The expected values are Python's: hashlib over the bytes of section 3.
test('states, elements and positions are those of section 3', () => {
  const log: [string, string, string][] = []
  const transcript = createTranscript(event => {
    const [step, label] = 'absorb' in event ? ['absorb', event.absorb] : ['challenge', event.challenge]
    log.push([step!, label!, toHex(event.state)])
  })
  transcript.absorb('statement', utf8('abc'))
  const point = transcript.challenge('lookup').point(3)
  transcript.absorb('round', new Uint8Array(0))
  const draw = transcript.challenge('query')
  const positions = Array.from({ length: 10 }, () => draw.position(1024))
  expect(log).toEqual([
    ['absorb', 'statement', '0x24597b60e210c4756692d91baa6b1646e024d2a900baf764bf66e464cf1e781a'],
    ['challenge', 'lookup', '0x078ea46ab30bc3a5a782895b0b9e14c1ab77bdb4fb17e9dce6b1b895b206a4aa'],
    ['absorb', 'round', '0xfb1e40b69b87d5439d4ce9bbc586b2845b5380450269ac0d742eb7440f568410'],
    ['challenge', 'query', '0xc1a65b6403cf5a3059a00521831d469fc9471c24fa81919b5f9c5c2a87e993d5'],
  ])
  expect(point).toEqual([
    [1854168878, 759981642, 1735332550, 201034028],
    [275711167, 344041604, 1202381914, 412484181],
    [179991824, 110375089, 1534711960, 1545770842],
  ])
  expect(positions).toEqual([299, 890, 524, 137, 783, 411, 23, 564, 91, 150])
})

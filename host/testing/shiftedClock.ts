import { readFileSync } from 'node:fs'

// Loaded before a program (node --import FILE?clock=PATH): its clock is as many milliseconds off as the file at PATH
// says, now and later. Timers go on as they are, as when a real clock is set.
const file = new URL(import.meta.url).searchParams.get('clock')!
const real = Date
let shiftMs = 0

const read = () => {
  shiftMs = Number(readFileSync(file, 'utf8') || shiftMs)
}
read()
setInterval(read, 50).unref()

globalThis.Date = new Proxy(real, {
  construct: (target, args) => (args.length === 0 ? new target(now()) : Reflect.construct(target, args)),
  get: (target, key) => (key === 'now' ? now : Reflect.get(target, key)),
})

function now(): number {
  return real.now() + shiftMs
}

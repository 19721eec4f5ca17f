/**
 * A stand-in of socat: `DIR -d -d FD:3 VSOCK-CONNECT:CID:5000`, or `DIR -V`. It says what socat 1.7.4 says, and connects
 * to an enclave of the stand-in machine.
 */
import { connect, Socket } from 'node:net'
import { portOf } from './machine.ts'

const [dir = '', ...args] = process.argv.slice(2)
const say = (text: string) => process.stderr.write(`2026/11/30 15:00:00 socat[${process.pid}] ${text}\n`)
if (args[0] === '-V') {
  process.stdout.write('socat version 1.7.4.4 on 06 Nov 2022 08:15:51\n  #define WITH_VSOCK 1\n')
} else {
  const [, cid] = /^-d -d FD:3 VSOCK-CONNECT:(\d+):5000$/.exec(args.join(' ')) ?? []
  if (cid === undefined) process.exit(2)
  say('N using file descriptor 3 for reading and writing')
  const guest = connect(portOf(dir, Number(cid)))
  guest.on('error', () => {
    say(`E connect(5, AF=40 cid:${cid} port:5000, 16): Connection reset by peer`)
    process.exit(1)
  })
  guest.on('connect', () => {
    say('N starting data transfer loop with FDs [3,3] and [5,5]')
    const host = new Socket({ fd: 3, readable: true, writable: true })
    host.on('error', () => process.exit())
    host.pipe(guest).pipe(host)
    guest.on('close', () => process.exit())
    host.on('close', () => process.exit())
  })
}

import { createRequire } from 'node:module'

/** What Node has no call for, from the C library. Each throws with the call's name and its errno. */
export type Libc = {
  mount(source: string, target: string, type: string, options?: string): void
  /** `module` is an open kernel module. */
  loadModule(module: number, parameters: string): void
  endMachine(): void
  socket(): number
  /** Of AF_VSOCK: `cid` and `port`. */
  bind(socket: number, cid: number, port: number): void
  connect(socket: number, cid: number, port: number): void
  listen(socket: number): void
  accept(socket: number): Promise<number>
  /** Sends one byte and waits for one. */
  exchange(socket: number, byte: number): void
  /** Request and answer of /dev/nsm; resolves to the answer's length. */
  nsm(device: number, request: Uint8Array, answer: Uint8Array): number
}

type Func = ((...args: unknown[]) => number) & { async(...args: unknown[]): void }
type Koffi = {
  load(file: string): { func(signature: string): Func }
  errno(): number
  address(buffer: Uint8Array): bigint
}

const MOUNT_FLAGS = 0x2 | 0x4 | 0x8 // nosuid, nodev, noexec
const MS_NOSUID = 0x2
const FINIT_MODULE = 313
/** LINUX_REBOOT_CMD_RESTART: a machine without ACPI, as Nitro makes them, only halts when it is switched off. */
const RESTART = 0x01234567
const AF_VSOCK = 40
const SOCK_STREAM_CLOEXEC = 0x1 | 0x80000
/** `_IOWR(0x0A, 0, struct nsm_raw)`, Linux, include/uapi/linux/nsm.h. */
const NSM_RAW = 0xc0200a00

/** Loads the C library by `koffi`, which lies in the image as it is in its package. */
export function openLibc(koffiFile: string): Libc {
  const koffi: Koffi = createRequire(import.meta.url)(koffiFile)
  const c = koffi.load('libc.so.6')
  const of = (name: string, signature: string) => {
    const call = c.func(signature)
    return (...args: unknown[]) => ensure(name, call(...args))
  }
  const ensure = (name: string, result: number): number => {
    if (result >= 0) return result
    throw Object.assign(new Error(`${name}: errno ${koffi.errno()}`), { errno: koffi.errno() })
  }
  const mount = of('mount', 'int mount(const char*, const char*, const char*, unsigned long, const char*)')
  const syscall = of('finit_module', 'long syscall(long, int, const char*, int)')
  const reboot = of('reboot', 'int reboot(int)')
  const socket = of('socket', 'int socket(int, int, int)')
  const bind = of('bind', 'int bind(int, void*, unsigned int)')
  const connect = of('connect', 'int connect(int, void*, unsigned int)')
  const listen = of('listen', 'int listen(int, int)')
  const accept = c.func('int accept4(int, void*, void*, int)')
  const write = of('write', 'long write(int, void*, unsigned long)')
  const read = of('read', 'long read(int, _Out_ void*, unsigned long)')
  const ioctl = of('ioctl', 'int ioctl(int, unsigned long, _Inout_ void*)')
  return {
    mount(source, target, type, options = '') {
      // Devices are what devtmpfs is for.
      mount(source, target, type, type === 'devtmpfs' ? MS_NOSUID : MOUNT_FLAGS, options)
    },
    loadModule: (module, parameters) => void syscall(FINIT_MODULE, module, parameters, 0),
    endMachine: () => void reboot(RESTART),
    socket: () => socket(AF_VSOCK, SOCK_STREAM_CLOEXEC, 0),
    bind: (fd, cid, port) => void bind(fd, vsockAddress(cid, port), 16),
    connect: (fd, cid, port) => void connect(fd, vsockAddress(cid, port), 16),
    listen: fd => void listen(fd, 1),
    accept: fd =>
      new Promise((resolve, reject) => {
        // In a thread of its own: it waits for the host.
        accept.async(fd, null, null, 0x80000, (error: Error | null, result: number) =>
          error || result < 0 ? reject(error ?? new Error('accept failed')) : resolve(result),
        )
      }),
    exchange(fd, byte) {
      write(fd, Buffer.of(byte), 1)
      read(fd, Buffer.alloc(1), 1)
    },
    nsm(device, request, answer) {
      // struct nsm_raw { struct iovec request; struct iovec response; }
      const raw = Buffer.alloc(32)
      raw.writeBigUInt64LE(BigInt(koffi.address(request)), 0)
      raw.writeBigUInt64LE(BigInt(request.length), 8)
      raw.writeBigUInt64LE(BigInt(koffi.address(answer)), 16)
      raw.writeBigUInt64LE(BigInt(answer.length), 24)
      ioctl(device, NSM_RAW, raw)
      return Number(raw.readBigUInt64LE(24))
    },
  }
}

/** struct sockaddr_vm: family u16, reserved u16, port u32, cid u32, flags. */
function vsockAddress(cid: number, port: number): Buffer {
  const address = Buffer.alloc(16)
  address.writeUInt16LE(AF_VSOCK, 0)
  address.writeUInt32LE(port, 4)
  address.writeUInt32LE(cid, 8)
  return address
}

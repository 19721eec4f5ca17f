import { existsSync, writeFileSync } from 'node:fs'

/**
 * What is switched off before the host is heard, below /proc/sys: none of it is needed, and each is a way for the host
 * or for a model that took over its process. A kernel that lacks one needs no lock for it, but for NEEDED.
 */
const LOCKS: Record<string, string> = {
  // No other module and no other kernel.
  'kernel/modules_disabled': '1',
  'kernel/kexec_load_disabled': '1',
  // The console is the host's: a break on it asks the kernel for things, and what the kernel says of a processor that
  // the host stopped for long has that processor's registers in it. Emergencies alone are said.
  'kernel/sysrq': '0',
  'kernel/printk': '1',
  'kernel/dmesg_restrict': '1',
  // Who tries to break the kernel has one try: a fault in it ends the machine.
  'kernel/panic_on_oops': '1',
  // No process reads another's memory, not even of the same user.
  'kernel/yama/ptrace_scope': '3',
  // The parts of the kernel in which most ways to become root were found.
  'kernel/unprivileged_bpf_disabled': '1',
  'kernel/io_uring_disabled': '2',
  'user/max_user_namespaces': '0',
}

/** Without Yama there is no such file, and the engine's process may read the memory of the one with the keys. */
const NEEDED = 'kernel/yama/ptrace_scope'

/** @throws Error for a kernel that does not keep processes from each other's memory */
export function lockKernel(root = '/proc/sys'): void {
  for (const [name, value] of Object.entries(LOCKS)) {
    const file = `${root}/${name}`
    if (existsSync(file)) writeFileSync(file, value)
    else if (name === NEEDED) throw new Error(`the kernel has no ${name}: build it with CONFIG_SECURITY_YAMA`)
  }
}

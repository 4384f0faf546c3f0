// The lease on the wire: a receipt that says client and lease and bears a MAC over them, the task and the worker. The server takes
// the client from it after the MAC, so that every statement carries the client; whoever makes one up learns nothing.
import { hash, timingSafeEqual } from 'node:crypto';

const MAC_BYTES = 16;
/** Of SHA-256, in bytes. */
const [BLOCK, DIGEST] = [64, 32] as const;

export interface Receipts {
  seal(workerId: string, taskId: string, clientId: string, leaseId: string): string;
  /** Null for everything that this worker was not given for this task. */
  open(workerId: string, taskId: string, receipt: string): { readonly clientId: string; readonly leaseId: string } | null;
}

export function createReceipts(secretHex: string): Receipts {
  const mac = createMac(Buffer.from(secretHex, 'hex'));
  return {
    seal(workerId, taskId, clientId, leaseId) {
      const body = `${String.fromCharCode(clientId.length)}${clientId}${leaseId}`;
      const bytes = Buffer.allocUnsafe(body.length + MAC_BYTES);
      bytes.write(body, 0, 'latin1');
      bytes.write(mac(body, workerId, taskId), body.length, 'hex');
      return bytes.toString('base64url');
    },
    open(workerId, taskId, receipt) {
      const bytes = Buffer.from(receipt, 'base64url');
      if (bytes.length < MAC_BYTES + 2) return null;
      const body = bytes.toString('latin1', 0, bytes.length - MAC_BYTES);
      if (!timingSafeEqual(bytes.subarray(-MAC_BYTES), Buffer.from(mac(body, workerId, taskId), 'hex'))) return null;
      const end = 1 + body.charCodeAt(0);
      return { clientId: body.slice(1, end), leaseId: body.slice(end) };
    },
  };
}

/**
 * HMAC-SHA-256 of `body NUL worker NUL task`, cut, in hex. By two hashes of one call each: two are made for every task that is
 * claimed and settled, and an HMAC object costs three times as much.
 */
function createMac(key: Buffer): (body: string, workerId: string, taskId: string) => string {
  if (key.length > BLOCK) throw new RangeError('the secret of receipts is longer than a block');
  const padded = (pad: number, length: number): Buffer => {
    const block = Buffer.alloc(length);
    for (let i = 0; i < BLOCK; i++) block[i] = (key[i] ?? 0) ^ pad;
    return block;
  };
  let inner = padded(0x36, BLOCK + 1024);
  const outer = padded(0x5c, BLOCK + DIGEST);
  return (body, workerId, taskId) => {
    const about = `\0${workerId}\0${taskId}`;
    const most = BLOCK + body.length + about.length * 3;
    if (inner.length < most) inner = padded(0x36, most * 2);
    let end = BLOCK;
    end += inner.write(body, end, 'latin1');
    end += inner.write(about, end, 'utf8');
    outer.write(hash('sha256', inner.subarray(0, end)), BLOCK, 'hex');
    return hash('sha256', outer).slice(0, MAC_BYTES * 2);
  };
}

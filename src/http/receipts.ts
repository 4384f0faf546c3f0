// The lease on the wire: a receipt that says client and lease and bears a MAC over them, the task and the worker. The server takes
// the client from it after the MAC, so that every statement carries the client; whoever makes one up learns nothing.
import { createHmac, createSecretKey, timingSafeEqual } from 'node:crypto';

const MAC_BYTES = 16;

export interface Receipts {
  seal(workerId: string, taskId: string, clientId: string, leaseId: string): string;
  /** Null for everything that this worker was not given for this task. */
  open(workerId: string, taskId: string, receipt: string): { readonly clientId: string; readonly leaseId: string } | null;
}

export function createReceipts(secretHex: string): Receipts {
  // A key object: bytes would be made into one for every MAC, which costs five times the MAC.
  const secret = createSecretKey(Buffer.from(secretHex, 'hex'));
  const mac = (body: Buffer, workerId: string, taskId: string): Buffer =>
    createHmac('sha256', secret).update(body).update(`\0${workerId}\0${taskId}`).digest().subarray(0, MAC_BYTES);
  return {
    seal(workerId, taskId, clientId, leaseId) {
      const body = Buffer.from(`${String.fromCharCode(clientId.length)}${clientId}${leaseId}`, 'latin1');
      return Buffer.concat([body, mac(body, workerId, taskId)]).toString('base64url');
    },
    open(workerId, taskId, receipt) {
      const bytes = Buffer.from(receipt, 'base64url');
      if (bytes.length < MAC_BYTES + 2) return null;
      const body = bytes.subarray(0, -MAC_BYTES);
      if (!timingSafeEqual(bytes.subarray(-MAC_BYTES), mac(body, workerId, taskId))) return null;
      const text = body.toString('latin1');
      const end = 1 + text.charCodeAt(0);
      return { clientId: text.slice(1, end), leaseId: text.slice(end) };
    },
  };
}

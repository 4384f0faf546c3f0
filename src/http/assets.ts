// The dashboard on the wire: one page and the files it names, all held in memory. Nothing inline runs, nothing comes from
// elsewhere, and no script can make code of text. Files with a digest in their name never change; the page is asked for each time.
import { createHash } from 'node:crypto';
import type { Context, Env, Hono } from 'hono';

/** What was built: the path below the root (`index.html`, `assets/main-1f2e.js`) → its bytes, and those bytes by gzip. */
export type AssetFiles = ReadonlyMap<string, { readonly bytes: Uint8Array<ArrayBuffer>; readonly gzip?: Uint8Array<ArrayBuffer> }>;

interface Assets {
  /** The answer for `/` or a path under `/assets/`; null where there is no such file. */
  answer(path: string, header: (name: string) => string | undefined): Response | null;
}

const TYPES: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  svg: 'image/svg+xml',
  json: 'application/json',
  woff2: 'font/woff2',
};

const PAGE_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ');

const COMMON = { 'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer', 'cross-origin-resource-policy': 'same-origin' } as const;
const PAGE = {
  'content-security-policy': PAGE_POLICY,
  'cross-origin-opener-policy': 'same-origin',
  'permissions-policy': 'camera=(), geolocation=(), microphone=(), payment=(), usb=()',
  'x-frame-options': 'DENY',
  'cache-control': 'no-cache',
} as const;
const FILE = { 'content-security-policy': "default-src 'none'", 'cache-control': 'public, max-age=31536000, immutable' } as const;

function createAssets(files: AssetFiles): Assets {
  const tags = new Map([...files].map(([path, { bytes }]) => [path, `"${createHash('sha256').update(bytes).digest('base64url').slice(0, 22)}"`]));
  return {
    answer(path, header) {
      const name = path === '/' ? 'index.html' : path.slice(1);
      const file = files.get(name);
      if (file === undefined) return null;
      const etag = tags.get(name) as string;
      const headers = { ...COMMON, ...(name === 'index.html' ? PAGE : FILE), etag, vary: 'accept-encoding' };
      if (header('if-none-match')?.includes(etag) === true) return new Response(null, { status: 304, headers });
      const packed = /\bgzip\b(?!\s*;\s*q=0(?:\.0*)?\s*(?:,|$))/i.test(header('accept-encoding') ?? '') ? file.gzip : undefined;
      const type = TYPES[name.slice(name.lastIndexOf('.') + 1)] ?? 'application/octet-stream';
      return new Response(packed ?? file.bytes, {
        headers: { ...headers, 'content-type': type, ...(packed === undefined ? {} : { 'content-encoding': 'gzip' }) },
      });
    },
  };
}

/** `/` and what is under `/assets/`; what is not there is for whoever comes next. */
export function routeAssets<E extends Env>(router: Hono<E>, files: AssetFiles): void {
  const assets = createAssets(files);
  const serve = async ({ req }: Context, next: () => Promise<void>): Promise<Response | void> => assets.answer(req.path, (name) => req.header(name)) ?? next();
  router.get('/', serve);
  router.get('/assets/*', serve);
}

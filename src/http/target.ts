// The form of a request's target. A path has one spelling here: what reads it differently (a proxy with rules of its own, a
// library that makes paths plain) must not find another operation behind it.
import { QueueError } from '../domain/errors.ts';

/** Printable ASCII from a slash on: neither another server's name nor a fragment. */
const FORM = /^\/[!-"$-~]*$/;
/** An empty segment; `.` and `..` as one, in whatever spelling; a backslash; a slash that hides. */
const DETOURS = /\/\/|(?:^|\/)(?:\.|%2e){1,2}(?:\/|$)|\\|%(?:2f|5c)/i;
/** Escapes of what needs none (letters, digits, `-._~`), and of what no name has (control characters). */
const NEEDLESS = /%(?:[01][0-9a-f]|7f|2[de]|3[0-9]|[46][1-9a-f]|[57][0-9a]|5f|7e)/i;
const BROKEN = /%(?![0-9a-f]{2})/i;

/** `target` is what the request line says: the path, with its query. */
export function targetTrouble(target: string): QueueError | null {
  if (!FORM.test(target)) return new QueueError('malformed_request', 'the target is a path that begins with `/`, in printable ASCII');
  const query = target.indexOf('?');
  const path = query < 0 ? target : target.slice(0, query);
  if (path.includes('%') || path.includes('/.') || path.includes('//') || path.includes('\\')) {
    if (DETOURS.test(path) || NEEDLESS.test(path) || BROKEN.test(path))
      return new QueueError('malformed_request', 'the path is not in its plain form: no `.` or `..`, and nothing in percent signs that needs none');
  }
  return null;
}

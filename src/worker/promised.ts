// A call to a handle, whatever it does: one that throws at once is one that refused.
export function promised<T>(call: () => Promise<T>): Promise<T> {
  try {
    return call();
  } catch (error) {
    return Promise.reject(error);
  }
}

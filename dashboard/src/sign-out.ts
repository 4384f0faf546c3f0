// Leaving, from wherever one is.
import { createContext, useContext } from 'react';

export const SignOutContext = createContext<(why?: string) => void>(() => undefined);
export const useSignOut = (): ((why?: string) => void) => useContext(SignOutContext);

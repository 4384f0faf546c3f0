// The master key of sealed payloads: from the environment, or from a file that its owner alone should read.
import { readFileSync } from 'node:fs';
import { configRefused } from './settings.ts';

export interface MasterKeySettings {
  readonly masterKey?: string | undefined;
  readonly masterKeyFile?: string | undefined;
}

/** For `openQueue`: nothing where none is set. Throws `config_refused`. */
export function masterKeyIn({ masterKey, masterKeyFile }: MasterKeySettings): { readonly masterKey?: string } {
  if (masterKey !== undefined && masterKeyFile !== undefined) throw configRefused('PRISMQ_MASTER_KEY', 'PRISMQ_MASTER_KEY_FILE is set too: unset one');
  if (masterKey !== undefined) return { masterKey };
  if (masterKeyFile === undefined) return {};
  try {
    return { masterKey: readFileSync(masterKeyFile, 'utf8').trim() };
  } catch (error) {
    throw configRefused(
      'PRISMQ_MASTER_KEY_FILE',
      `${masterKeyFile} can not be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'}): name a file that is there`,
    );
  }
}

// The pages that are generated, in one list.
import { compliancePage } from './compliance.ts';
import { configPage } from './config.ts';
import { errorsPage } from './errors.ts';
import { limitsPage } from './limits.ts';
import { matrixPage } from './matrix.ts';
import { operationsPage } from './operations.ts';
import type { Page } from './page.ts';
import { permissionsPage } from './permissions.ts';
import { rightsPage } from './rights.ts';
import { statesPage } from './states.ts';
import { strategiesPage } from './strategies.ts';

/** `root` is the checkout. A page whose table does not exist yet is left out. */
export async function allPages(root: URL): Promise<readonly Page[]> {
  const config = await configPage(root);
  return [
    statesPage(),
    permissionsPage(),
    matrixPage(),
    compliancePage(root),
    errorsPage(),
    operationsPage(),
    strategiesPage(),
    limitsPage(),
    rightsPage(),
    ...(config === undefined ? [] : [config]),
  ];
}

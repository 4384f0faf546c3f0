// The security events on PostgreSQL.
import { after, before, describe } from 'node:test';
import { openQueue } from '../../src/index.ts';
import { securitySuite } from '../audit/security.ts';
import { binaries, startServer } from './server.ts';
import type { Server } from './server.ts';

describe('the security events on PostgreSQL', { skip: binaries().length === 0 }, () => {
  let server: Server;
  before(async () => {
    server = (await startServer()) as Server;
  });
  after(() => server?.stop());
  securitySuite(async () => {
    const url = await server.database({ realClock: true });
    const queue = await openQueue(url, { janitorMs: 0, listenUrl: null, createClients: false, masterKey: '5'.repeat(64) });
    return {
      queue,
      breakAudit: async () =>
        void (await server.query(
          url,
          `CREATE FUNCTION prismq.broken() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'the audit is full'; END $$; GRANT EXECUTE ON FUNCTION prismq.broken() TO PUBLIC;
           CREATE TRIGGER broken BEFORE INSERT ON prismq.security_events FOR EACH ROW EXECUTE FUNCTION prismq.broken()`,
        )),
      close: () => queue.close(),
    };
  });
});

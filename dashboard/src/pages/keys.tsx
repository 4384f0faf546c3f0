// API keys: who may come in as whom. What opens is shown once, when it is made.
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import type { FormEvent, ReactNode } from 'react';
import { SCOPES } from '../../../src/domain/access.ts';
import type { GrantInfo } from '../../../src/client/entry.ts';
import type { KeyInfo, MadeKey, NewKey } from '../../../src/service/handles.ts';
import { useNow } from '../live.tsx';
import { Button } from '../parts/button.tsx';
import { Confirm } from '../parts/confirm.tsx';
import { Copy } from '../parts/copy.tsx';
import { Window } from '../parts/dialog.tsx';
import { SelectField, TextField } from '../parts/field.tsx';
import { Listing } from '../parts/listing.tsx';
import { Page } from '../parts/page.tsx';
import { sentenceOf } from '../parts/state.tsx';
import { Tag } from '../parts/status.tsx';
import { When } from '../parts/time.tsx';
import { useSession } from '../session.tsx';
import { words } from '../text/words.ts';

export function Content(): ReactNode {
  const { admin, can } = useSession();
  const queries = useQueryClient();
  const query = useQuery({ queryKey: ['keys'], queryFn: () => admin.keys.list(), refetchInterval: 10_000 });
  const [creates, setCreates] = useState(false);
  const [made, setMade] = useState<MadeKey | null>(null);
  const { keys: text } = words;
  const show = (key: MadeKey): void => {
    setCreates(false);
    setMade(key);
    void queries.invalidateQueries({ queryKey: ['keys'] });
  };
  return (
    <Page
      title={words.pages.keys}
      hint={text.hint}
      actions={
        can('key.create') && (
          <Button kind="primary" onClick={() => setCreates(true)}>
            {text.create}
          </Button>
        )
      }
    >
      <Listing
        label={words.pages.keys}
        query={query}
        keyOf={({ keyId }) => keyId}
        empty={{ title: text.none, hint: text.hint }}
        columns={[
          {
            title: text.key,
            cell: ({ keyId, name }) => (
              <span className="break-all">
                {name === null ? '' : `${name} `}
                <span className="mono text-soft">{keyId}</span>
              </span>
            ),
          },
          { title: text.role, cell: ({ role }) => words.roles[role] },
          { title: text.of, cell: ({ clientId, workerId }) => workerId ?? clientId ?? text.everyone },
          { title: text.status, cell: (key) => <KeyStatus info={key} /> },
          { title: text.scopes, wide: true, cell: ({ scopes }) => <span className="mono text-soft">{scopes?.join(' ') ?? text.allScopes}</span> },
          { title: text.lastUsed, wide: true, cell: ({ lastUsedAtUtc }) => <When at={lastUsedAtUtc} className="text-soft" /> },
          { title: '', right: true, cell: (key) => <KeyActions info={key} onMade={show} /> },
        ]}
      />
      <Window open={creates} onClose={() => setCreates(false)} title={text.create}>
        {creates && <KeyForm onClose={() => setCreates(false)} onMade={show} />}
      </Window>
      <Window open={made !== null} onClose={() => setMade(null)} title={text.madeTitle}>
        {made !== null && <Made made={made} onClose={() => setMade(null)} />}
      </Window>
    </Page>
  );
}

function KeyStatus({ info: { revokedAtUtc, expiresAtUtc } }: { readonly info: KeyInfo }): ReactNode {
  const now = useNow();
  const { states } = words.keys;
  if (revokedAtUtc != null) return <Tag tone="soft">{states.revoked}</Tag>;
  if (expiresAtUtc != null && expiresAtUtc <= now) return <Tag tone="soft">{states.expired}</Tag>;
  return <Tag tone="good">{states.open}</Tag>;
}

function KeyActions({ info: { keyId, revokedAtUtc }, onMade }: { readonly info: KeyInfo; readonly onMade: (made: MadeKey) => void }): ReactNode {
  const { admin, can, identity } = useSession();
  const { keys: text } = words;
  if (revokedAtUtc != null) return null;
  const own = keyId === identity.keyId ? ` ${text.own}` : '';
  return (
    <span className="inline-flex gap-1">
      {can('key.rotate') && (
        <Confirm
          label={text.rotate}
          title={text.rotateTitle}
          text={text.rotateText}
          danger={false}
          act={async () => onMade(await admin.keys.rotate(keyId))}
          touches={['keys']}
        />
      )}
      {can('key.revoke') && (
        <Confirm label={text.revoke} title={text.revokeTitle} text={`${text.revokeText}${own}`} act={() => admin.keys.revoke(keyId)} touches={['keys']} />
      )}
    </span>
  );
}

function Made({ made, onClose }: { readonly made: MadeKey; readonly onClose: () => void }): ReactNode {
  const { keys: text } = words;
  return (
    <div className="grid gap-3 text-sm">
      <p>{text.madeOnce}</p>
      <code className="mono rounded-lg bg-page p-3 break-all" data-made-key="">
        {made.key}
      </code>
      <div className="flex justify-end gap-2">
        <Copy text={made.key} small={false} />
        <Button kind="primary" onClick={onClose}>
          {text.kept}
        </Button>
      </div>
    </div>
  );
}

const BLANK = { role: 'client', client: '', name: '', scopes: '', days: '', pattern: '' };
const DAY_MS = 86_400_000;

function KeyForm({ onClose, onMade }: { readonly onClose: () => void; readonly onMade: (made: MadeKey) => void }): ReactNode {
  const session = useSession();
  const { admin, can, seesAll, identity } = session;
  const [input, setInput] = useState(BLANK);
  const [trouble, setTrouble] = useState('');
  const { data: clients = [] } = useQuery({ queryKey: ['clients'], queryFn: () => admin.clients.list(), enabled: seesAll && can('client.list') });
  const { keys: text } = words;
  const field = (name: keyof typeof BLANK) => ({
    value: input[name],
    onChange: (event: { target: { value: string } }) => setInput({ ...input, [name]: event.target.value }),
  });
  const choices: readonly (readonly [string, string])[] = seesAll
    ? [['', input.role === 'client' || input.role === 'worker' ? '–' : text.everyone], ...clients.map(({ clientId }) => [clientId, clientId] as const)]
    : [[identity.clientId ?? '', identity.clientId ?? '']];
  const submit = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    try {
      onMade(await admin.keys.create(newKeyOf(input, identity.clientId)));
    } catch (error) {
      setTrouble(sentenceOf(error));
    }
  };
  return (
    <form className="grid gap-3" onSubmit={(event) => void submit(event)}>
      <SelectField
        label={text.role}
        options={(['client', 'worker', 'admin', 'auditor'] as const).map((role) => [role, words.roles[role]] as const)}
        {...field('role')}
      />
      {seesAll && <SelectField label={words.filters.client} options={choices} required={input.role === 'client'} {...field('client')} />}
      <TextField label={input.role === 'worker' ? text.workerName : text.name} required={input.role === 'worker'} maxLength={128} {...field('name')} />
      {input.role === 'worker' && <TextField label={text.pattern} hint={text.patternHint} placeholder="Mail.*" {...field('pattern')} />}
      <TextField label={text.scopes} hint={text.scopesHint(SCOPES.slice(0, 4).join(' '))} {...field('scopes')} />
      <TextField label={text.days} type="number" min={1} max={3650} {...field('days')} />
      <p role="alert" className="min-h-5 text-sm text-bad">
        {trouble}
      </p>
      <div className="flex justify-end gap-2">
        <Button onClick={onClose}>{words.cancel}</Button>
        <Button type="submit" kind="primary">
          {text.create}
        </Button>
      </div>
    </form>
  );
}

function newKeyOf({ role, client, name, scopes, days, pattern }: typeof BLANK, own: string | null): NewKey {
  const clientId = own ?? client;
  const grant: Pick<GrantInfo, 'clientId' | 'pattern'> = { clientId: clientId === '' ? '*' : clientId, pattern: pattern.trim() };
  return {
    role: role as NewKey['role'],
    // A worker is of no client: its grants say whose tasks it takes.
    ...(clientId === '' || role === 'worker' ? {} : { clientId }),
    ...(name.trim() === '' ? {} : { name: name.trim() }),
    ...(role === 'worker' && grant.pattern !== '' ? { grants: [grant] } : {}),
    ...(scopes.trim() === '' ? {} : { scopes: scopes.trim().split(/\s+/) }),
    ...(days === '' ? {} : { expiresInMs: Number(days) * DAY_MS }),
  };
}

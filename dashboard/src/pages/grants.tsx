// Grants: which worker may take which tasks of whom. A worker takes what it declared and was granted, never more.
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import type { FormEvent, ReactNode } from 'react';
import type { GrantInfo } from '../../../src/client/entry.ts';
import { Button } from '../parts/button.tsx';
import { Confirm, useAct } from '../parts/confirm.tsx';
import { Window } from '../parts/dialog.tsx';
import { TextField } from '../parts/field.tsx';
import { Listing } from '../parts/listing.tsx';
import { Page } from '../parts/page.tsx';
import { When } from '../parts/time.tsx';
import { useSession } from '../session.tsx';
import { words } from '../text/words.ts';

export function Content(): ReactNode {
  const { admin, can } = useSession();
  const query = useQuery({ queryKey: ['grants'], queryFn: () => admin.grants.list(), refetchInterval: 10_000 });
  const [creates, setCreates] = useState(false);
  const { grants: text } = words;
  return (
    <Page
      title={words.pages.grants}
      hint={text.hint}
      actions={
        can('grant.create') && (
          <Button kind="primary" onClick={() => setCreates(true)}>
            {text.create}
          </Button>
        )
      }
    >
      <Listing
        label={words.pages.grants}
        query={query}
        keyOf={({ grantId }) => grantId}
        empty={{ title: text.none, hint: text.hint }}
        columns={[
          { title: words.workers.worker, cell: ({ workerId }) => <span className="font-medium break-all">{workerId}</span> },
          { title: words.filters.client, cell: ({ clientId }) => (clientId === '*' ? words.filters.everyClient : clientId) },
          { title: text.pattern, cell: ({ pattern }) => <code className="mono">{pattern}</code> },
          {
            title: text.attributes,
            wide: true,
            cell: ({ attributes }) => <code className="mono text-soft">{attributes === undefined ? '' : JSON.stringify(attributes)}</code>,
          },
          { title: words.created, wide: true, cell: ({ createdAtUtc }) => <When at={createdAtUtc} className="text-soft" /> },
          ...(can('grant.delete')
            ? [
                {
                  title: '',
                  right: true,
                  cell: ({ grantId, workerId, pattern }: GrantInfo) => (
                    <Confirm
                      label={text.takeBack}
                      title={text.takeBackTitle(workerId, pattern)}
                      text={text.takeBackText}
                      act={() => admin.grants.delete(grantId)}
                      touches={['grants']}
                    />
                  ),
                },
              ]
            : []),
        ]}
      />
      <Window open={creates} onClose={() => setCreates(false)} title={text.create}>
        <GrantForm onClose={() => setCreates(false)} />
      </Window>
    </Page>
  );
}

function GrantForm({ onClose }: { readonly onClose: () => void }): ReactNode {
  const { admin, identity } = useSession();
  const act = useAct(['grants']);
  const [input, setInput] = useState({ worker: '', client: identity.clientId ?? '', pattern: '' });
  const field = (name: keyof typeof input) => ({
    value: input[name],
    onChange: (event: { target: { value: string } }) => setInput({ ...input, [name]: event.target.value }),
  });
  const { grants: text } = words;
  const submit = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    if (await act(() => admin.grants.create(input.worker.trim(), { clientId: input.client.trim(), pattern: input.pattern.trim() }))) onClose();
  };
  return (
    <form className="grid gap-3" onSubmit={(event) => void submit(event)}>
      <TextField label={words.workers.worker} required maxLength={128} {...field('worker')} />
      {identity.clientId === null && <TextField label={words.filters.client} hint={text.clientHint} required maxLength={63} {...field('client')} />}
      <TextField label={text.pattern} hint={text.patternHint} required maxLength={202} placeholder="Mail.*" {...field('pattern')} />
      <div className="flex justify-end gap-2">
        <Button onClick={onClose}>{words.cancel}</Button>
        <Button type="submit" kind="primary">
          {text.create}
        </Button>
      </div>
    </form>
  );
}

// The clients of the platform: their weight under contention, whether they are let in.
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import type { FormEvent, ReactNode } from 'react';
import type { ClientInfo } from '../../../src/client/entry.ts';
import { LIMITS } from '../../../src/domain/limits.ts';
import { Button } from '../parts/button.tsx';
import { Confirm, useAct } from '../parts/confirm.tsx';
import { Window } from '../parts/dialog.tsx';
import { TextField } from '../parts/field.tsx';
import { Listing } from '../parts/listing.tsx';
import { Page } from '../parts/page.tsx';
import { Tag } from '../parts/status.tsx';
import { When } from '../parts/time.tsx';
import { useSession } from '../session.tsx';
import { words } from '../text/words.ts';

export function Content(): ReactNode {
  const { admin, can } = useSession();
  const query = useQuery({ queryKey: ['clients'], queryFn: () => admin.clients.list(), refetchInterval: 10_000 });
  const [creates, setCreates] = useState(false);
  const [weighs, setWeighs] = useState<ClientInfo | null>(null);
  const { clients: text } = words;
  return (
    <Page
      title={words.pages.clients}
      actions={
        can('client.create') && (
          <Button kind="primary" onClick={() => setCreates(true)}>
            {text.create}
          </Button>
        )
      }
    >
      <Listing
        label={words.pages.clients}
        query={query}
        keyOf={({ clientId }) => clientId}
        empty={{ title: text.none, hint: text.noneHint }}
        columns={[
          {
            title: words.filters.client,
            cell: ({ clientId }) =>
              can('task.list') ? (
                <Link to="/tasks" search={{ client: clientId }} className="font-medium hover:underline">
                  {clientId}
                </Link>
              ) : (
                clientId
              ),
          },
          { title: text.status, cell: ({ status }) => <Tag tone={status === 'active' ? 'good' : 'bad'}>{text.states[status]}</Tag> },
          { title: text.weight, right: true, cell: ({ weight }) => <span className="tabular-nums">{weight}</span> },
          { title: words.created, wide: true, cell: ({ createdAtUtc }) => <When at={createdAtUtc} className="text-soft" /> },
          { title: '', right: true, cell: (client) => <ClientActions client={client} onWeigh={() => setWeighs(client)} /> },
        ]}
      />
      <Window open={creates} onClose={() => setCreates(false)} title={text.create}>
        <ClientForm onClose={() => setCreates(false)} />
      </Window>
      <Window open={weighs !== null} onClose={() => setWeighs(null)} title={text.weighTitle(weighs?.clientId ?? '')}>
        {weighs !== null && <ClientForm client={weighs} onClose={() => setWeighs(null)} />}
      </Window>
    </Page>
  );
}

function ClientActions({ client: { clientId, status }, onWeigh }: { readonly client: ClientInfo; readonly onWeigh: () => void }): ReactNode {
  const { admin, can } = useSession();
  const { clients: text } = words;
  return (
    <span className="inline-flex gap-1">
      {can('client.weight') && (
        <Button small kind="quiet" onClick={onWeigh}>
          {text.weigh}
        </Button>
      )}
      {can('client.suspend') &&
        (status === 'active' ? (
          <Confirm
            label={text.suspend}
            title={text.suspendTitle(clientId)}
            text={text.suspendText}
            act={() => admin.clients.suspend(clientId)}
            touches={['clients']}
          />
        ) : (
          <Confirm
            label={text.resume}
            title={text.resumeTitle(clientId)}
            text={text.resumeText}
            danger={false}
            act={() => admin.clients.resume(clientId)}
            touches={['clients']}
          />
        ))}
    </span>
  );
}

function ClientForm({ client, onClose }: { readonly client?: ClientInfo; readonly onClose: () => void }): ReactNode {
  const { admin } = useSession();
  const act = useAct(['clients']);
  const [id, setId] = useState('');
  const [weight, setWeight] = useState(String(client?.weight ?? 1));
  const { clients: text } = words;
  const submit = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    const done = await act(() =>
      client === undefined ? admin.clients.create(id.trim(), { weight: Number(weight) }) : admin.clients.weight(client.clientId, Number(weight)),
    );
    if (done) onClose();
  };
  return (
    <form className="grid gap-3" onSubmit={(event) => void submit(event)}>
      {client === undefined && (
        <TextField label={text.id} hint={text.idHint} required maxLength={63} value={id} onChange={(event) => setId(event.target.value)} />
      )}
      <TextField
        label={text.weight}
        hint={text.weightHint}
        type="number"
        required
        min={LIMITS.weight.min}
        max={LIMITS.weight.max}
        value={weight}
        onChange={(event) => setWeight(event.target.value)}
      />
      <div className="flex justify-end gap-2">
        <Button onClick={onClose}>{words.cancel}</Button>
        <Button type="submit" kind="primary">
          {words.save}
        </Button>
      </div>
    </form>
  );
}

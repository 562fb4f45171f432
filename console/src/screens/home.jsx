// Home: the figures of the last audit.

import { useState } from 'preact/hooks';

import { useThing } from '../loading.js';
import { Failed, Loaded, Money, Table, TextField, Time, Title } from '../parts.jsx';
import { goTo } from '../router.js';
import { may } from '../session.js';

export function Home({ session, channel }) {
  return (
    <>
      <Title>Home</Title>
      <FindAccount channel={channel} />
      <section aria-labelledby="audit">
        <h2 id="audit">Last audit</h2>
        {may(session, 'audit') ? (
          <Audit channel={channel} />
        ) : (
          <p class="empty">Your sign-in may not read the audit.</p>
        )}
      </section>
    </>
  );
}

function FindAccount({ channel }) {
  const [email, setEmail] = useState('');
  const find = (event) => {
    event.preventDefault();
    goTo([channel, 'accounts'], { user_email: email.trim() });
  };
  return (
    <search>
      <form class="inline" onSubmit={find}>
        <TextField
          label="Find the loyalty accounts of"
          type="email"
          placeholder="ada@example.com"
          required
          value={email}
          onValue={setEmail}
        />
        <button type="submit">Find</button>
      </form>
    </search>
  );
}

const SUMS = ['issued', 'refunded', 'outstanding', 'escrow', 'spent', 'expired'];

function Audit({ channel }) {
  const audit = useThing(['channels', channel, 'audit']);
  if (audit.error?.code === 'no_audit') {
    return (
      <p class="empty">
        No audit has been made yet. Make one with{' '}
        <code>python -m cli audit --channel {channel}</code>.
      </p>
    );
  }
  const report = audit.value;
  return (
    <Loaded of={audit}>
      {report && (
        <>
          <p class={`notice ${report.right ? 'done' : 'failed'}`}>
            {report.right
              ? 'The books are right.'
              : `${report.fault_count} faults were found: tell those who run the service.`}
          </p>
          <p>
            Made <Time at={report.finished_at} />, as of <Time at={report.as_of} />:{' '}
            {report.accounts} accounts, {report.entries} entries, {report.transfers} transfers,{' '}
            {report.holds} open holds.
          </p>
          <Table
            caption="Credit by currency"
            list={{ items: report.totals }}
            empty="No credit has been issued yet."
            columns={[
              ['Currency', (row) => row.currency],
              ...SUMS.map((sum) => [
                sum[0].toUpperCase() + sum.slice(1),
                (row) => <Money amount={row[sum]} currency={row.currency} />,
                'number',
              ]),
            ]}
          />
          {report.faults.map((fault) => (
            <Failed
              key={fault.where + fault.kind}
              error={new Error(`${fault.kind} at ${fault.where}: ${fault.detail}`)}
            />
          ))}
        </>
      )}
    </Loaded>
  );
}

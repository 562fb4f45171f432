// Distributions: credit for many customers from one account; a list, and a way to make one.

import { useList } from '../loading.js';
import { Money, Table, Time, Title } from '../parts.jsx';
import { linkTo } from '../router.js';
import { may } from '../session.js';

const STATES = {
  previewed: 'Previewed',
  running: 'Running',
  cancelling: 'Being cancelled',
  closed: 'Closed',
  undoing: 'Being undone',
  undone: 'Undone',
};

export function Distributions({ session, channel }) {
  const list = useList(['channels', channel, 'distributions']);
  return (
    <>
      <header class="with-action">
        <Title>Distributions</Title>
        {may(session, 'distributions') && (
          <a role="button" href={linkTo([channel, 'distributions', 'new'])}>
            + New Distribution
          </a>
        )}
      </header>
      <Table
        caption="Distributions"
        list={list}
        empty="None yet. A distribution credits many customers at once, from one account and a file."
        columns={[
          [
            'Distribution ID',
            ({ id }) => <a href={linkTo([channel, 'distributions', id])}>{id}</a>,
          ],
          ['State', stateOf],
          ['From', ({ source }) => source],
          ['Customers', ({ rows_to_credit: rows }) => rows.toLocaleString(), 'number'],
          ['Total', (job) => <Money amount={job.total} currency={job.currency} />, 'number'],
          ['Made', (job) => <Time at={job.created_at} />],
        ]}
      />
    </>
  );
}

/** Return the state of a distribution in words. */
export function stateOf(job) {
  return job.state === 'closed' && job.cancelled ? 'Cancelled' : STATES[job.state];
}

// Distributions: credit for many customers from one account. The list, newest first.

import { count, stateOf } from '../distribution_words.js';
import { useList } from '../loading.js';
import { Money, Table, Time, Title } from '../parts.jsx';
import { linkTo } from '../router.js';
import { may } from '../session.js';

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
        empty={
          'There is no distribution yet. One credits many customers at once from one account: a ' +
          'campaign, a compensation, a payday. Upload who gets how much, look at the preview, ' +
          'and run it.'
        }
        columns={[
          [
            'Distribution ID',
            ({ id }) => <a href={linkTo([channel, 'distributions', id])}>{id}</a>,
            'wider',
          ],
          ['State', stateOf, 'wide'],
          ['Total', (job) => <Money amount={job.total} currency={job.currency} />, 'number'],
          ['Rows', rowsOf, 'number'],
          ['Primary account', ({ source }) => source],
          ['Uploaded', (job) => <Time at={job.created_at} />],
        ]}
      />
    </>
  );
}

/** Bad rows are never credited, so they are told apart. */
function rowsOf({ rows, rows_to_credit: good }) {
  return good === rows ? count(rows) : `${count(good)} of ${count(rows)}`;
}

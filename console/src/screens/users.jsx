// Users: find one by the complete e-mail address.

import { useState } from 'preact/hooks';

import { useList } from '../loading.js';
import { Table, TextField, Time, Title } from '../parts.jsx';
import { goTo, linkTo } from '../router.js';
import { may } from '../session.js';
import { Erasure, PersonalData } from './personal_data.jsx';

export function Users({ session, channel, query }) {
  const { email = '' } = query;
  const [wanted, setWanted] = useState(email);
  const [erased, setErased] = useState(null);
  const users = useList(['channels', channel, 'users'], { email });
  const find = (event) => {
    event.preventDefault();
    goTo([channel, 'users'], { email: wanted.trim() });
  };
  const personal = (user) => (
    <PersonalData channel={channel} user={user} onErase={() => setErased(user)} />
  );
  const afterErasure = () => {
    setErased(null);
    users.reload();
  };
  return (
    <>
      <Title>Users</Title>
      <search>
        <form class="inline" onSubmit={find}>
          <TextField
            label="E-mail address"
            hint="The complete address. Leave it empty to list everybody."
            type="email"
            value={wanted}
            onValue={setWanted}
          />
          <button type="submit">Find</button>
        </form>
      </search>
      <Table
        caption="Users"
        list={users}
        empty={
          email
            ? `Nobody is registered in ${channel} as ${email}. The shop's back end registers users.`
            : `Nobody is registered in ${channel} yet.`
        }
        columns={[
          [
            'E-mail',
            (user) =>
              user.email ?? (
                <>
                  Erased <Time at={user.erased_at} />
                </>
              ),
          ],
          ['User PK', (user) => user.user_pk],
          ['Registered', (user) => <Time at={user.created_at} />],
          [
            'Loyalty accounts',
            (user) => (
              <a href={linkTo([channel, 'accounts'], { user_pk: user.user_pk })}>
                Accounts of {user.email ?? user.user_pk}
              </a>
            ),
          ],
          [
            'Orders',
            (user) => (
              <a href={linkTo([channel, 'orders'], { user_pk: user.user_pk })}>
                Orders of {user.email ?? user.user_pk}
              </a>
            ),
          ],
          ...(may(session, 'users') ? [['Personal data', personal]] : []),
        ]}
      />
      {erased && (
        <Erasure session={session} channel={channel} user={erased} onDone={afterErasure} />
      )}
    </>
  );
}

// What runs in a tab: the theme's store, the client's calls, and the view that lists the options.
import { api } from '@akinon/next/data/client/api';
import '@akinon/next/data/client/account';
import '@akinon/next/data/client/checkout';
import { usePaymentOptions } from '@akinon/next/hooks/use-payment-options';
import { createElement } from 'react';
import { renderToStaticMarkup } from 'react-dom/server';
import { Provider } from 'react-redux';
import { store } from 'redux/store';

function Options({ onShown }) {
  onShown(usePaymentOptions().filteredPaymentOptions.map((option) => option.pk));
  return null;
}

globalThis.page = {
  store,

  // A query is asked anew, as `refetch` of its hook does; a mutation's hook forgets the one before.
  call(name, argument) {
    const { initiate } = api.endpoints[name];
    return store.dispatch(initiate(argument, { forceRefetch: true }));
  },

  // The pks of the payment options that the shopper sees.
  shown() {
    let pks;
    const view = createElement(Options, { onShown: (found) => { pks = found; } });
    renderToStaticMarkup(createElement(Provider, { store }, view));
    return pks;
  },

  // How many calls wait for an answer, by name.
  pending() {
    const { queries, mutations } = store.getState()[api.reducerPath];
    return [...Object.values(queries), ...Object.values(mutations)]
      .filter((call) => call?.status === 'pending')
      .map((call) => call.endpointName);
  },
};

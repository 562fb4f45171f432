// What a shop's theme says of itself in its `settings.js`. `commerceUrl` is read at each request,
// so that one storefront can be pointed elsewhere.
export default {
  get commerceUrl() {
    return encodeURI(process.env.SERVICE_BACKEND_URL);
  },
  localization: {
    defaultLocaleValue: 'en',
    localeUrlStrategy: 'hide-default-locale',
    locales: [
      { label: 'English', value: 'en', localePath: 'en', apiValue: 'en-us', rtl: false },
      { label: 'Türkçe', value: 'tr', localePath: 'tr', apiValue: 'tr-tr', rtl: false },
    ],
    currencies: [
      { label: 'TRY', code: 'try' },
      { label: 'USD', code: 'usd' },
    ],
  },
  // The client shows no option of a type that it does not know unless it is named here.
  checkout: { extraPaymentTypes: ['loyalty_money'] },
};

// Stands for the plugins and packages that paying with credit does not touch: what is called here
// by mistake says so, and the two reducers keep nothing.
const absent = (name) => () => {
  throw new Error(`${name} is not part of these tests`);
};
const empty = (state = {}) => state;

// @akinon/pz-masterpass and @akinon/pz-otp
export const masterpassReducer = empty;
export const otpReducer = empty;
export const setError = absent('setError');
export const setOtpModalVisible = absent('setOtpModalVisible');
export const buildDirectPurchaseForm = absent('buildDirectPurchaseForm');
export const buildPurchaseForm = absent('buildPurchaseForm');

// The theme's own list of plugins, and currency-symbol-map
export default [];

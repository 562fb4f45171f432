// The store as themes put it together: the client's reducers and middlewares, nothing else.
import middlewares from '@akinon/next/redux/middlewares';
import reducers from '@akinon/next/redux/reducers';
import { configureStore } from '@reduxjs/toolkit';

export const store = configureStore({
  reducer: reducers,
  middleware: (defaults) => defaults().concat(middlewares),
});

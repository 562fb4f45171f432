// The little of Next that the client uses here. Next's own class adds cookies to a Response; the
// proxy route only calls `json`, which is the standard's.
export const NextResponse = Response;

// next-auth/react: the session ends at the storefront, and the browser goes to the log-in page.
export const signOut = async ({ callbackUrl }) => {
  globalThis.signedOut.push(callbackUrl);
};

// The theme's addresses.
export const ROUTES = { AUTH: '/users/auth' };

import type { Interceptor } from '@connectrpc/connect';

/** The admin token of the services that tests start, and of the commands that they run. */
export const adminToken = 'admin-token-of-the-tests';

/** For `fetch`. */
export const asAdmin = { headers: { authorization: `Bearer ${adminToken}` } };

/** For Connect's transports. */
export const withAdminToken: Interceptor = (next) => (request) => {
  request.header.set('authorization', `Bearer ${adminToken}`);
  return next(request);
};

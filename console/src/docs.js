// The interface, readable and callable: Swagger UI on the service's own description.

import SwaggerUI from 'swagger-ui-dist/swagger-ui-es-bundle.js';
import 'swagger-ui-dist/swagger-ui.css';

// The page is at docs/, so that one step up is where the interface begins, stage prefix and all.
const root = new URL('..', location.href);
const spec = await (await fetch(new URL('openapi.json', root))).json();
spec.servers = [{ url: root.pathname.replace(/\/$/, '') || '/' }];

SwaggerUI({
  spec,
  dom_id: '#docs',
  deepLinking: true,
  docExpansion: 'list',
  filter: true,
  // Neither a validator nor anything else is asked on the way.
  validatorUrl: null,
  tryItOutEnabled: true,
  persistAuthorization: false,
});

import { render } from 'preact';

import { App } from './app.tsx';
import { followLinks } from './navigation/address.ts';

followLinks();
render(<App />, document.getElementById('console')!);

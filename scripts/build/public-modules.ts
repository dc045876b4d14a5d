/** What `import ... from 'headgate/NAME'` loads: by name, the file that has it. */
export const publicModules: Readonly<Record<string, string>> = {
  destination: 'src/destinations/destination.ts',
  'destination-types': 'src/destinations/registry.ts',
  mock: 'src/service/mock/start-mock.ts',
  'destination-conformance': 'test/destinations/conformance.ts',
};

/** What the directions in eslint.config.mjs do not see: circles of files. Types count: who reads a file must know the types it names. */
export default {
  forbidden: [{ name: 'no-circular', severity: 'error', from: {}, to: { circular: true } }],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
  },
};

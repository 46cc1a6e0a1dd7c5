import tseslint from 'typescript-eslint';

const restrictImports = (folder, patterns) => ({
  files: [`${folder}/**/*.ts`],
  rules: { '@typescript-eslint/no-restricted-imports': ['error', { patterns: [...patterns, DETOUR] }] },
});

/** A path that goes down and up again would hide where it leads from the patterns below. */
const DETOUR = { regex: '(?<!^(\\.\\./)*)\\.\\./', message: 'Import it by its shortest path.' };

/** Which modules a folder may know: the table of directions in docs/architecture.md, one entry for each row. */
const only = (folder, { folders = [], rooms = [], packages = [], types = '(?!)' }) => {
  const allowed = `\\./|(\\.\\./)+(src/)?(${folders.join('|')})/|\\.\\./(${rooms.join('|')})/|(${packages.join('|')})$`;
  return restrictImports(folder, [
    { regex: `^(?!${allowed}|${types})`, message: `${folder} does not know this module.` },
    { regex: `^(${types})`, allowTypeImports: true, message: 'Import it as a type.' },
  ]);
};

/** For folders that may know everything else. */
const allBut = (folder, folders) =>
  restrictImports(folder, [
    { regex: `^(\\.\\./)+(src/)?(${folders.join('|')})/`, message: `${folder} does not know this module.` },
  ]);

/** A folder with its story or its door on top and rooms below; a room knows itself and the rooms before it in the list. */
const house = (folder, known, rooms) => [
  only(folder, known),
  ...rooms.map((room, at) => only(`${folder}/${room}`, { ...known, rooms: rooms.slice(0, at) })),
];

/** The engines: PostgreSQL, and of Temporal no more than the shape of an attempt. A room for each stage. */
const engine = (folder, { rooms = [], engines = [] } = {}) => {
  const known = { folders: ['model', 'postgres', ...engines], packages: ['node:.*'] };
  return house(folder, { ...known, types: 'pg$|(\\.\\./)+attempt\\.js$' }, rooms);
};

/** The patterns above read static imports alone. */
const STATIC_IMPORTS = [
  { selector: 'ImportExpression', message: 'Import it statically: the directions are held for static imports.' },
  { selector: 'TSImportType', message: 'Import the type statically: the directions are held for static imports.' },
];

const importDirections = [
  {
    files: ['src/{model,postgres,config,temporal}/**/*.ts', '{activities,workflows}/**/*.ts'],
    rules: { 'no-restricted-syntax': ['error', ...STATIC_IMPORTS] },
  },
  only('src/model', {}),
  only('src/postgres', { folders: ['model'], packages: ['pg', 'pg-copy-streams', 'node:.*'] }),
  only('activities', { folders: ['model', 'postgres'], packages: ['@temporalio/activity'], types: 'pg$' }),
  ...engine('activities/bookkeeping'),
  ...engine('activities/custody', { rooms: ['days', 'records', 'proof'] }),
  ...engine('activities/upload', {
    rooms: ['queue', 'keep', 'chain', 'plan', 'send', 'quarantine'],
    engines: ['custody'],
  }),
  ...engine('activities/download', { rooms: ['plan', 'compare', 'guard', 'apply', 'history'] }),
  ...engine('activities/probe', { engines: ['upload', 'download'] }),
  ...engine('activities/verify', { rooms: ['day', 'days', 'site'], engines: ['custody', 'upload'] }),
  ...engine('activities/resend', { engines: ['custody', 'upload'] }),
  only('workflows', { folders: ['model'], packages: ['@temporalio/(workflow|common)'], types: '\\.\\./activities/' }),
  ...house('src/config', { folders: ['model'], packages: ['zod', 'node:.*'] }, ['define', 'print', 'check', 'read']),
  only('src/temporal', {
    folders: ['model'],
    packages: ['@temporalio/(client|common|envconfig)'],
    types: '\\.\\./config/',
  }),
  ...house('src/dev/stack', { folders: ['model'], packages: ['pg', 'node:.*'] }, ['process', 'postgres', 'temporal']),
  only('src/dev/sample', { folders: ['model', 'postgres'], packages: ['pg-copy-streams', 'node:.*'] }),
  allBut('src/worker', ['cli', 'dev']),
  allBut('src/cli', ['workflows']),
];

/** The rules of src/model are functions of their arguments, and so the same in a replay and in a test. */
const pureModel = {
  files: ['src/model/**/*.ts'],
  rules: {
    'no-restricted-syntax': [
      'error',
      ...STATIC_IMPORTS,
      { selector: 'NewExpression[callee.name=Date][arguments.length=0]', message: 'The time comes in as an argument.' },
    ],
    'no-restricted-globals': ['error', 'process', 'performance', 'crypto', 'setTimeout', 'setInterval', 'fetch'],
    'no-restricted-properties': [
      'error',
      { object: 'Date', property: 'now', message: 'The time comes in as an argument.' },
      { object: 'Math', property: 'random', message: 'Chance comes in as an argument.' },
    ],
  },
};

export default tseslint.config(
  { ignores: ['dist', 'coverage', 'node_modules'] },
  ...tseslint.configs.recommended,
  {
    files: ['**/*.ts'],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/await-thenable': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-import-type-side-effects': 'error',
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/explicit-module-boundary-types': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_' }],
      'no-console': 'error',
      eqeqeq: 'error',
    },
  },
  { files: ['src/cli/output.ts', 'bench/**/*.ts'], rules: { 'no-console': 'off' } },
  ...importDirections,
  pureModel,
);

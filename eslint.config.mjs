import tseslint from 'typescript-eslint';

/** Which modules a folder may know: the table of directions in docs/architecture.md, one entry for each row. */
const only = (folder, { folders = [], packages = [], types = '(?!)' }) => {
  const allowed = `\\./|(\\.\\./)+((src/)?(${folders.join('|')})/|[^/]+$)|(${packages.join('|')})$`;
  return {
    files: [`${folder}/**/*.ts`],
    rules: {
      '@typescript-eslint/no-restricted-imports': [
        'error',
        {
          patterns: [
            { regex: `^(?!${allowed}|${types})`, message: `${folder} does not know this module.` },
            { regex: `^(${types})`, allowTypeImports: true, message: 'Import it as a type.' },
          ],
        },
      ],
    },
  };
};

const importDirections = [
  only('src/model', {}),
  only('src/postgres', { folders: ['model'], packages: ['pg', 'pg-copy-streams', 'node-pg-migrate', 'node:.*'] }),
  only('activities', {
    folders: ['model', 'postgres', 'upload', 'download'],
    packages: ['@temporalio/activity'],
    types: 'pg$',
  }),
  only('activities/upload', { folders: ['model', 'postgres'], packages: ['node:.*'], types: 'pg$|\\.\\./attempt' }),
  only('activities/download', { folders: ['model', 'postgres'], packages: ['node:.*'], types: 'pg$|\\.\\./attempt' }),
  only('workflows', { folders: ['model'], packages: ['@temporalio/(workflow|common)'], types: '\\.\\./activities/' }),
  only('src/config', { folders: ['model'], packages: ['zod', 'node:.*'] }),
  only('src/temporal', {
    folders: ['model'],
    packages: ['@temporalio/(client|common|envconfig)', 'node:.*'],
    types: '\\.\\./config/',
  }),
];

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
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/explicit-module-boundary-types': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_' }],
      'no-console': 'error',
      eqeqeq: 'error',
    },
  },
  { files: ['src/cli/output.ts', 'bench/**/*.ts'], rules: { 'no-console': 'off' } },
  ...importDirections,
);

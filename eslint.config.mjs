import { readdirSync } from 'node:fs'
import tseslint from 'typescript-eslint'
import importX from 'eslint-plugin-import-x'
import { createTypeScriptImportResolver } from 'eslint-import-resolver-typescript'
import { guarded, layers } from './tools/layers.mjs'

const src = './server/src'
const rooms = Object.keys(layers)
const zones = rooms.flatMap((room) =>
  rooms
    .filter((other) => other !== room && !layers[room].includes(other))
    .map((other) => ({
      target: `${src}/${room}`,
      from: `${src}/${other}`,
      message: `${room} may not import ${other} (tools/layers.mjs)`,
    })),
)
// Another core folder only through its index.ts.
const features = readdirSync(`${src}/core`, { withFileTypes: true })
  .filter((e) => e.isDirectory())
  .map((e) => e.name)
for (const feature of features)
  zones.push({
    target: [`${src}/core/!(${feature})/**/*`, `${src}/servers/**/*`],
    from: `${src}/core/${feature}`,
    except: ['./index.ts'],
    message: `core/${feature} is entered through its index.ts`,
  })
zones.push({ target: './web/src', from: './server', message: 'web knows the server only by the generated contract' })
// Tests beside the code use the testkit; the product does not.
const testZones = [...zones]
const productZones = [
  ...zones,
  {
    target: src,
    from: ['./web', './e2e', './bench', './server/testkit'],
    message: 'the product does not know its tests',
  },
]

// One block for each room (the last block that matches a file wins): all that is forbidden there, together.
const guards = [...rooms, ...new Set(guarded.flatMap((g) => g.rooms.filter((room) => room.includes('/'))))].map(
  (room) => ({
    files: [`server/src/${room}/**/*.ts`],
    ignores: ['**/*.test.ts'],
    rules: {
      '@typescript-eslint/no-restricted-imports': [
        'error',
        {
          paths: guarded
            .filter((g) => !g.rooms.includes(room))
            .flatMap(({ what, why }) => what.map((name) => ({ name, message: why, allowTypeImports: true }))),
        },
      ],
    },
  }),
)

export default tseslint.config(
  { ignores: ['**/dist/**', '**/node_modules/**', '**/*.gen.ts', '.cache/**'] },
  {
    files: ['**/*.ts', '**/*.tsx'],
    extends: [tseslint.configs.strictTypeChecked],
    plugins: { 'import-x': importX },
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    settings: {
      'import-x/resolver-next': [createTypeScriptImportResolver({ project: ['tsconfig.json', 'web/tsconfig.json'] })],
    },
    rules: {
      'import-x/no-restricted-paths': ['error', { zones: productZones }],
      'import-x/no-cycle': ['error', { ignoreExternal: true }],
      'import-x/no-default-export': 'error',
      'max-lines': ['error', { max: 400, skipComments: true, skipBlankLines: true }],
      'complexity': ['error', 25],
      'max-params': ['error', 5],
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/no-non-null-assertion': 'off',
      // Slow, and there are no enums here (erasable syntax only) and hardly a class.
      '@typescript-eslint/no-unsafe-enum-assignment': 'off',
      '@typescript-eslint/no-unsafe-class-instance-assignment': 'off',
      '@typescript-eslint/no-confusing-void-expression': 'off',
      '@typescript-eslint/no-unnecessary-type-parameters': 'off',
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/no-invalid-void-type': 'off',
      '@typescript-eslint/unified-signatures': 'off',
      '@typescript-eslint/prefer-promise-reject-errors': 'off',
      '@typescript-eslint/only-throw-error': 'off',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
    },
  },
  {
    files: ['server/src/**/*.ts'],
    ignores: ['server/src/platform/clock.ts', 'server/src/platform/ids.ts', '**/*.test.ts'],
    rules: {
      'no-restricted-globals': [
        'error',
        ...['setTimeout', 'setInterval', 'setImmediate'].map((name) => ({ name, message: 'use platform/clock' })),
      ],
      'no-restricted-properties': [
        'error',
        { object: 'Date', property: 'now', message: 'use platform/clock' },
        { object: 'process', property: 'env', message: 'read in platform/config only' },
      ],
    },
  },
  { files: ['server/src/platform/config/**/*.ts'], rules: { 'no-restricted-properties': 'off' } },
  ...guards,
  {
    files: ['**/*.test.ts', 'server/testkit/**', 'e2e/**', 'bench/**'],
    rules: {
      'max-lines': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
    },
  },
  { files: ['server/src/**/*.test.ts'], rules: { 'import-x/no-restricted-paths': ['error', { zones: testZones }] } },
  // Black box: what the program prints and answers is JSON that only the test's assertions give a shape.
  {
    files: ['e2e/**'],
    rules: {
      '@typescript-eslint/no-explicit-any': 'off',
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
    },
  },
  {
    files: ['web/**/*.tsx', 'web/**/*.ts'],
    rules: { 'max-lines': ['error', { max: 400, skipComments: true, skipBlankLines: true }] },
  },
  { files: ['vitest.config.ts', 'web/vite.config.ts'], rules: { 'import-x/no-default-export': 'off' } },
)

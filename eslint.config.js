import js from '@eslint/js';
import { createTypeScriptImportResolver } from 'eslint-import-resolver-typescript';
import { importX } from 'eslint-plugin-import-x';
import tseslint from 'typescript-eslint';

// The rooms of src/ by layer, from the lowest. A room imports itself and rooms of lower layers only.
const layers = [
  ['graph'],
  ['files'],
  ['autodiff', 'runtime', 'checkpoint'],
  ['zoo'],
  ['images'],
  ['mining', 'training'],
  ['synthesis'],
  ['report'],
  ['cli', 'server'],
];
const rooms = layers.flat();
const zones = [
  ...layers.flatMap((layer, height) =>
    layer.map((room) => ({
      target: `./src/${room}`,
      from: [
        ...layers
          .slice(height)
          .flat()
          .filter((other) => other !== room),
        'index.ts',
      ].map((other) => `./src/${other}`),
      message: `src/${room}/ imports only what is in a layer below it (docs/architecture.md).`,
    })),
  ),
  {
    target: ['./src/errors.ts', './src/lookup.ts', './src/random.ts', './src/progress.ts', './src/program.ts'],
    from: [...rooms, 'index.ts'].map((other) => `./src/${other}`),
    message: 'This file is below all rooms: it imports none (docs/architecture.md).',
  },
  { target: './src/index.ts', from: ['./src/cli', './src/server'], message: 'The library is below its command line.' },
];

// Where Node modules may be imported: everything else in src/ runs in a browser, too.
const onlyInNode = ['src/**/node/**', 'src/**/node.ts', 'src/cli/**', 'src/server/**'];
const nodeModules = '^(node:|(sharp|onnxruntime-node|undici|env-paths|tar-stream)(/|$))';
const forNode = 'This file runs in a browser: code for Node goes to a folder called node/ or a file called node.ts.';

// Private by the language, not by the type checker alone. A constructor has no other way.
const privates = [
  'TSParameterProperty[accessibility="private"]',
  'PropertyDefinition[accessibility="private"]',
  'MethodDefinition[accessibility="private"][kind!="constructor"]',
].map((selector) => ({ selector, message: 'Write #name for a private member.' }));

export default tseslint.config(
  { ignores: ['dist/', 'docs/api/', 'coverage/', 'node_modules/'] },
  js.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.recommendedTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
    },
  },
  {
    files: ['src/**/*.ts'],
    plugins: { 'import-x': importX },
    settings: {
      'import-x/resolver-next': [createTypeScriptImportResolver()],
      // Without these, what an imported file imports is not looked at, and no circle is found.
      'import-x/extensions': ['.ts'],
      'import-x/parsers': { '@typescript-eslint/parser': ['.ts'] },
    },
    rules: {
      'import-x/no-restricted-paths': ['error', { zones }],
      'import-x/no-cycle': 'error',
      'no-restricted-syntax': ['error', ...privates],
    },
  },
  {
    // Nothing is asserted to be there: lookup.ts checks it, or a type tells it.
    files: ['src/**/*.ts'],
    rules: { '@typescript-eslint/no-non-null-assertion': 'error' },
  },
  {
    files: ['src/**/*.ts'],
    ignores: ['src/cli/**', 'src/server/**'],
    rules: {
      'no-console': 'error',
      'no-restricted-properties': [
        'error',
        ...['argv', 'exit', 'exitCode', 'stdin', 'stdout', 'stderr'].map((property) => ({
          object: 'process',
          property,
          message: 'Only cli/ and server/ read arguments, print and exit.',
        })),
      ],
    },
  },
  {
    files: ['src/**/*.ts'],
    ignores: onlyInNode,
    rules: {
      'no-restricted-imports': [
        'error',
        {
          patterns: [
            { regex: nodeModules, message: forNode },
            { regex: '(^|/)node(/.*|\\.ts)$', message: forNode },
          ],
        },
      ],
      'no-restricted-globals': [
        'error',
        ...['process', 'Buffer', 'global', 'setImmediate'].map((name) => ({ name, message: forNode })),
      ],
      'no-restricted-syntax': [
        'error',
        ...privates,
        { selector: `ImportExpression[source.value=/${nodeModules.replaceAll('/', '\\/')}/]`, message: forNode },
      ],
    },
  },
  {
    files: ['bench/**', 'examples/**', 'experiments/**'],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          patterns: [
            {
              regex: '^\\.{1,2}/(.*/)?(src|dist)/',
              message: 'Import public entry points (rosetta-neurons/...); export there what is missing.',
            },
          ],
        },
      ],
    },
  },
  {
    files: ['**/*.js', '**/*.mjs'],
    languageOptions: {
      globals: {
        process: 'readonly',
        console: 'readonly',
        performance: 'readonly',
        URL: 'readonly',
        setTimeout: 'readonly',
        Buffer: 'readonly',
        TextDecoder: 'readonly',
      },
    },
  },
);

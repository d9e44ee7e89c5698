import hooks from 'eslint-plugin-react-hooks';
import tseslint from 'typescript-eslint';

export default tseslint.config(
  { ignores: ['dist/**', 'dist-pseudo/**', 'node_modules/**', 'mock/**'] },
  ...tseslint.configs.strictTypeChecked,
  {
    languageOptions: {
      parserOptions: { projectService: { allowDefaultProject: ['eslint.config.js'] }, tsconfigRootDir: import.meta.dirname },
    },
    plugins: { 'react-hooks': hooks },
    rules: {
      'react-hooks/rules-of-hooks': 'error',
      'react-hooks/exhaustive-deps': 'error',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      'max-lines': ['error', 600],
      complexity: ['error', 18],
    },
  },
  {
    // One door to Cornerstone3D: everything else imports src/viewer/cornerstone.ts, and cornerstoneVolume.ts on demand.
    files: ['src/**/*.{ts,tsx}'],
    ignores: ['src/viewer/cornerstone.ts', 'src/viewer/cornerstoneVolume.ts'],
    rules: {
      'no-restricted-imports': ['error', { patterns: [{ group: ['@cornerstonejs/*'], message: 'Use src/viewer/cornerstone.ts.' }] }],
    },
  },
  {
    // And one to vtk.js, loaded when somebody asks for three dimensions.
    files: ['src/**/*.{ts,tsx}'],
    ignores: ['src/viewer/cornerstone.ts', 'src/viewer/cornerstoneVolume.ts', 'src/viewer/solidScene.ts', 'src/viewer/vtk.d.ts'],
    rules: {
      'no-restricted-imports': ['error', { patterns: [{ group: ['@cornerstonejs/*'], message: 'Use src/viewer/cornerstone.ts.' }, { group: ['@kitware/*'], message: 'Use src/viewer/solidScene.ts.' }] }],
    },
  },
  { files: ['eslint.config.js'], ...tseslint.configs.disableTypeChecked },
);

import { expect, test } from 'vitest';
import { isValidLabelName, isValidMetricName } from '../../../src/model/names.ts';

test.each([
  ['a', true, true, true], ['_a1', true, true, true], ['1a', false, false, true], ['a:b', false, true, true], [':', false, true, true],
  ['a-b', false, false, true], ['é', false, false, true], ['a b\n', false, false, true], ['a\n', false, false, true], ['😀', false, false, true],
  ['', false, false, false], ['\ud800', false, false, false], ['a\udc00b', false, false, false],
])('%j: legacy label %s, legacy metric %s, utf8 %s', (name, label, metric, utf8) => {
  expect(isValidLabelName(name, 'legacy')).toBe(label);
  expect(isValidMetricName(name, 'legacy')).toBe(metric);
  expect(isValidLabelName(name, 'utf8')).toBe(utf8);
  expect(isValidMetricName(name, 'utf8')).toBe(utf8);
});

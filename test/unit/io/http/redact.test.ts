import { expect, test } from 'vitest';
import { redactUrl } from '../../../../src/io/http/redact.ts';

test.each([
  ['http://u:p@h/x', 'http://u:xxxxx@h/x'], ['http://u@h/x', 'http://u@h/x'], ['http://h/x?a=b:c@d', 'http://h/x?a=b:c@d'],
  ['http://u:p@ss@h:1/', 'http://u:xxxxx@h:1/'], ['https://:p@h', 'https://:xxxxx@h'], ['http://u:@h', 'http://u:xxxxx@h'], ['nonsense', 'nonsense'], ['', ''],
])('%s is printed as %s', (url, shown) => expect(redactUrl(url)).toBe(shown));

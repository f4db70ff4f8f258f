import { describe, expect, test } from 'vitest';
import { fieldSelectorProblem, labelSelectorProblem, parseLabelSelector } from '../../../src/kubernetes/label-selector.ts';

const labels = ['app', 'web', 'tier', 'front', 'app.example/version', '7', 'empty', ''];

describe('label selectors', () => {
  test.each([
    ['', true],
    ['  ', true],
    ['app', true],
    ['!app', false],
    ['!other', true],
    ['app=web', true],
    ['app == web', true],
    ['app=api', false],
    ['app!=web', false],
    ['app!=api', true],
    ['other!=x', true],
    ['other=', false],
    ['empty=', true],
    ['empty', true],
    ['tier in (front,back)', true],
    ['tier in (front , back),app=web', true],
    ['tier in (back)', false],
    ['tier notin (front)', false],
    ['other notin (x)', true],
    ['empty in (,)', true],
    ['app=web,tier=back', false],
    ['app.example/version>6', true],
    ['app.example/version > 7', false],
    ['app.example/version<8', true],
    ['app>1', false],
    ['other<1', false],
    ['in in (x)', false],
  ])('%j: %j', (selector, selected) => expect(parseLabelSelector(selector)(labels)).toBe(selected));

  test.each([
    ['app=web,', "invalid selector: 'app=web,'; found the end, expected the name of a label"],
    ['app=a b', "invalid selector: 'app=a b'; found 'b', expected ',' or the end"],
    ['app in web', "invalid selector: 'app in web'; found 'web', expected '('"],
    ['app in (web', "invalid selector: 'app in (web'; found the end, expected ',' or ')'"],
    ['app in ()', "invalid selector: 'app in ()'; found ')', expected a value"],
    ['app=$x', "invalid selector: 'app=$x'; found '$x', expected a value of up to 63 letters, digits, dashes, underscores and dots"],
    ['app > x', "invalid selector: 'app > x'; found 'x', expected an integer"],
    ['-app', "invalid selector: '-app'; found '-app', expected the name of a label"],
    ['=x', "invalid selector: '=x'; found '=', expected the name of a label"],
    ['app web', "invalid selector: 'app web'; found 'web', expected one of ',', '=', '==', '!=', 'in', 'notin', '>', '<'"],
  ])('%j is refused', (selector, problem) => expect(labelSelectorProblem(selector)).toBe(problem));

  test('a good one has no problem', () => expect(labelSelectorProblem('a=b')).toBeUndefined());
});

describe('field selectors', () => {
  test.each(['', 'metadata.name=x', 'spec.nodeName==x,status.phase!=Running', 'metadata.name=a\\,b\\=c', 'metadata.name='])('%j is taken', (selector) =>
    expect(fieldSelectorProblem(selector)).toBeUndefined());
  test.each(['foo', 'a=b,foo', 'a=b=c'])('%j is refused', (selector) => expect(fieldSelectorProblem(selector)).toMatch(/^invalid selector: /));
});

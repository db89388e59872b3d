// Lays the console's source out for readers: prettier, taught to lay out htm's templates as HTML.
//
//   node format.mjs           says which files are laid out otherwise, and fails
//   node format.mjs --write   lays them out
//
// What a template means stays: htm drops white space that holds a line's end at the edge of a text and
// keeps any other, so a line is broken only where no space counts, or beside a written-out ${' '}.
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { doc, format } from 'prettier';
import * as estree from 'prettier/plugins/estree';

const ROOT = new URL('../../src/console/static/', import.meta.url).pathname;
const WIDTH = 110;
const { fill, group, ifBreak, indent, join: joined, line, softline } = doc.builders;

// ---- htm ----------------------------------------------------------------------------------------

/** Expressions stand in the text as one character each, of the private area. */
const FIRST = 0xe000;
const slotOf = (c) => (c >= String.fromCharCode(FIRST) && c <= '\uf8ff' ? c.charCodeAt(0) - FIRST : -1);

/** A template's text as a tree: elements, texts and slots. Throws on what it cannot read. */
function parse(text) {
  let at = 0;
  const fail = (why) => {
    throw new Error(`${why} near ${JSON.stringify(text.slice(Math.max(0, at - 30), at + 30))}`);
  };
  const blank = () => {
    while (/\s/.test(text[at] ?? '')) at++;
  };

  function attributes(into) {
    for (;;) {
      blank();
      if (at >= text.length) fail('a tag without an end');
      if (text.startsWith('/>', at)) {
        at += 2;
        return true;
      }
      if (text[at] === '>') {
        at++;
        return false;
      }
      let word = '';
      while (at < text.length && !/[\s=>]/.test(text[at]) && !text.startsWith('/>', at)) word += text[at++];
      if (!word) fail('no name of an attribute');
      if (text[at] !== '=') {
        into.push(word);
        continue;
      }
      at++;
      let value = '';
      const quote = text[at] === '"' || text[at] === "'" ? text[at] : '';
      if (quote) {
        const end = text.indexOf(quote, at + 1);
        if (end < 0) fail('a value without an end');
        value = text.slice(at, end + 1);
        at = end + 1;
      } else {
        while (at < text.length && !/[\s>]/.test(text[at]) && !text.startsWith('/>', at)) value += text[at++];
      }
      into.push(`${word}=${value}`);
    }
  }

  function children(inside) {
    const found = [];
    for (;;) {
      const start = at;
      while (at < text.length && text[at] !== '<' && slotOf(text[at]) < 0) at++;
      // As htm does.
      const said = text.slice(start, at).replace(/^\s*\n\s*|\s*\n\s*$/g, '');
      if (said) found.push({ kind: 'text', text: said });
      if (at >= text.length) {
        if (inside) fail('an element without an end');
        return found;
      }
      if (slotOf(text[at]) >= 0) {
        found.push({ kind: 'slot', slot: slotOf(text[at++]) });
      } else if (text[at + 1] === '/') {
        const end = text.indexOf('>', at);
        if (!inside || end < 0) fail('an end of nothing');
        inside.close = text.slice(at, end + 1);
        at = end + 1;
        return found;
      } else {
        at++;
        const element = { kind: 'element', tag: '', attributes: [], children: [], close: '' };
        while (at < text.length && !/[\s>]/.test(text[at]) && !text.startsWith('/>', at)) element.tag += text[at++];
        if (!attributes(element.attributes)) element.children = children(element);
        found.push(element);
      }
    }
  }
  return children(null);
}

/** Text with slots, as it is printed. */
const withSlots = (text, slots) =>
  [...text].reduce((parts, c) => {
    if (slotOf(c) >= 0) parts.push(slots[slotOf(c)].hugged);
    else if (typeof parts.at(-1) === 'string') parts[parts.length - 1] += c;
    else parts.push(c);
    return parts;
  }, []);

function element(one, slots) {
  const attributes = one.attributes.map((a) => [line, ...withSlots(a, slots)]);
  const tag = withSlots(`<${one.tag}`, slots);
  if (!one.close) return group([...tag, indent(attributes), line, '/>']);
  const open = group([...tag, indent(attributes), attributes.length ? softline : '', '>']);
  const close = withSlots(one.close, slots);
  if (!one.children.length) return [open, ...close];
  return group([open, indent([softline, inner(one.children, slots)]), softline, ...close]);
}

/** Where a line may be broken, though a space counts there: it is written out. */
const SPACE = ifBreak(["${' '}", softline], ' ');

/** What stands in an element or a template: runs, each on lines of its own where they do not fit in one. */
function inner(nodes, slots) {
  /** Parts of each run: contents and separators by turns, as `fill` has them. */
  const runs = [];
  let separator = null, afterWord = false;
  const put = (content, isWord) => {
    const run = runs.at(-1);
    if (!run) runs.push([separator ? ["${' '}", content] : content]);
    else if (separator) run.push(separator, content);
    // A word and what touches it stay together.
    else if (isWord || afterWord) run.push([run.pop(), content]);
    else runs.push([content]);
    separator = null;
    afterWord = isWord;
  };
  for (const node of nodes) {
    if (node.kind === 'slot') put(slots[node.slot].shown, false);
    else if (node.kind === 'element') put(element(node, slots), false);
    else {
      const [, before, words, after] = /^([ \t\r\n]*)(.*?)([ \t\r\n]*)$/s.exec(node.text);
      if (before) separator = SPACE;
      words.split(/[ \t\r\n]+/).filter(Boolean).forEach((word, i) => {
        if (i) separator = line;
        put(word, true);
      });
      if (after) separator = SPACE;
    }
  }
  if (separator) runs.length ? runs.at(-1).push([runs.at(-1).pop(), "${' '}"]) : runs.push(["${' '}"]);
  return joined(softline, runs.map((parts) => (parts.length > 1 ? fill(parts) : parts[0])));
}

// ---- prettier -----------------------------------------------------------------------------------

const printer = estree.printers.estree;
/** What is broken inside by itself, and needs no lines of its own. */
const HUGGED = /^(CallExpression|TaggedTemplateExpression|Identifier|MemberExpression|ArrowFunctionExpression|ObjectExpression|ArrayExpression|TemplateLiteral|StringLiteral|OptionalCallExpression|OptionalMemberExpression)$/;

const htm = {
  printers: {
    estree: {
      ...printer,
      embed(path) {
        const { node, parent } = path;
        if (node.type !== 'TemplateLiteral' || parent?.type !== 'TaggedTemplateExpression') return null;
        if (parent.tag.name !== 'html') return null;
        return (_, print) => {
          const kinds = node.expressions.map((e) => e.type);
          const slots = path.map(print, 'expressions').map((printed, i) => ({
            hugged: ['${', printed, '}'],
            shown: HUGGED.test(kinds[i]) ? ['${', printed, '}'] : group(['${', indent([softline, printed]), softline, '}']),
          }));
          const text = node.quasis.map((q, i) => q.value.raw + (i < slots.length ? String.fromCharCode(FIRST + i) : '')).join('');
          const tree = parse(text);
          if (!tree.length) return '``';
          return group(['`', indent([softline, inner(tree, slots)]), softline, '`']);
        };
      },
    },
  },
};

/** Long comments: a line for each tag of one that stood in one line, and words where they fit. */
const brokenComments = (text) =>
  text
    .replace(/^( *)\/\*\* (.+) \*\/$/gm, (whole, margin, said) => {
      if (whole.length <= WIDTH) return whole;
      const lines = said.split(/ (?=@(?:param|returns|template|typedef|type)\b)/);
      return [`${margin}/**`, ...lines.map((l) => `${margin} * ${l}`), `${margin} */`].join('\n');
    })
    .replace(/^( *)(\* |\/\/ )(.+)$/gm, (whole, margin, mark, said) => {
      if (whole.length <= WIDTH) return whole;
      const lines = [''];
      const hang = said.startsWith('@') ? '  ' : '';
      for (const word of said.split(' ')) {
        const last = lines.at(-1);
        if (last && `${margin}${mark}${last} ${word}`.length > WIDTH) lines.push(hang + word);
        else lines[lines.length - 1] = last ? `${last} ${word}` : word;
      }
      return lines.map((l) => margin + mark + l).join('\n');
    });

export async function laidOut(text, name) {
  if (name.endsWith('.css')) return format(text, { parser: 'css', printWidth: WIDTH, singleQuote: true });
  const options = { parser: 'babel', plugins: [htm], printWidth: WIDTH, singleQuote: true };
  return format(brokenComments(await format(text, options)), options);
}

const own = (folder) =>
  readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((f) => f.isFile() && /\.(js|css)$/.test(f.name))
    .map((f) => join(f.parentPath ?? f.path, f.name));

if (process.argv[1] === new URL(import.meta.url).pathname) {
  const wrong = [], long = [];
  for (const file of [...own('app'), ...own('css')].sort()) {
    const text = readFileSync(file, 'utf8');
    const wanted = await laidOut(text, file).catch((error) => {
      throw new Error(`${relative(ROOT, file)}: ${error.message}`);
    });
    // What no rule breaks, a string say, is for a person to break.
    wanted.split('\n').forEach((said, i) => {
      if (said.length > WIDTH) long.push(`${relative(ROOT, file)}:${i + 1}`);
    });
    if (wanted === text) continue;
    wrong.push(relative(ROOT, file));
    if (process.argv.includes('--write')) writeFileSync(file, wanted);
  }
  if (wrong.length && !process.argv.includes('--write')) {
    console.error(`laid out otherwise (npm --prefix tests/console run format):\n  ${wrong.join('\n  ')}`);
    process.exitCode = 1;
  }
  if (long.length) {
    console.error(`lines of more than ${WIDTH} characters:\n  ${long.join('\n  ')}`);
    process.exitCode = 1;
  }
}

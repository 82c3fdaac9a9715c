// Shows the findings of the page's data. What it writes goes into text nodes
// and plain attributes; the page's policy forbids anything else.
(() => {
'use strict';
const data = JSON.parse(document.getElementById('data').textContent);
const T = data.texts;
const findings = data.findings;
const CHUNK = 100, PLACES = 20, CHIPS = 8;

// The order and the words of what is filtered by.
const SEVERITIES = ['critical', 'high', 'medium', 'low', 'unrated'];
const CONFIDENCES = ['high', 'medium', 'low'];
const FATES = [['present', 'in the final image'], ['deleted', 'deleted later'], ['overwritten', 'overwritten later'], ['opaque', 'hidden later'], ['unknown', 'not known']];

const byId = id => document.getElementById(id);
const list = byId('list'), count = byId('count'), controls = byId('controls');

// el makes an element; a child is a node or a text.
function el(tag, attrs, ...children) {
  const e = document.createElement(tag);
  for (const [k, v] of Object.entries(attrs || {})) {
    if (v !== undefined && v !== false) e.setAttribute(k, v === true ? '' : v);
  }
  e.append(...children.filter(c => c !== '' && c !== null && c !== undefined));
  return e;
}

const number = n => n.toLocaleString('en-US');
const counted = (n, word) => number(n) + ' ' + word + (n === 1 ? '' : 's');
const imageLabel = i => data.images[i] ? data.images[i].label : 'an image that is not listed';
const severity = f => T[f.severity];
const harmless = f => severity(f) === 'info';
const aside = f => harmless(f) || Boolean(f.suppressed); // it does not count
const asideCount = findings.filter(aside).length;
const asideWords = (() => {
  const s = findings.filter(f => f.suppressed).length, h = asideCount - s;
  return [h ? number(h) + ' known to be harmless' : '', s ? number(s) + ' suppressed' : ''].filter(Boolean).join(' and ');
})();
const preview = f => (f.key ? f.key + '=' : '') + f.secret;
const layerKey = l => l.image + '.' + l.layer;

// --- what is shown -----------------------------------------------------------

const groups = [
  {key: 'severity', name: 'severity', of: f => [severity(f)], order: SEVERITIES},
  {key: 'confidence', name: 'confidence', of: f => [T[f.confidence]], order: CONFIDENCES},
  {key: 'fate', name: 'fate', of: f => f.locations.map(l => T[l.fate]), order: FATES.map(x => x[0]), word: v => (FATES.find(x => x[0] === v) || [v, v])[1], place: (l, on) => on.has(T[l.fate])},
  {key: 'image', name: 'image', of: f => f.locations.map(l => String(l.image)), word: v => imageLabel(+v), place: (l, on) => on.has(String(l.image))},
  {key: 'rule', name: 'rule', of: f => [T[f.rule]]},
  {key: 'layer', name: 'layer', of: f => f.locations.map(layerKey), word: layerWords, place: (l, on) => on.has(layerKey(l)), strip: true},
];
for (const g of groups) g.on = new Set();
let query = '', info = data.all, words = [];

function layerWords(key) {
  const [image, layer] = key.split('.');
  const where = layer === '-1' ? 'not in a layer' : layer === '0' ? 'a layer of unknown position' : 'layer ' + layer;
  return where + (data.images.length > 1 ? ' of ' + imageLabel(+image) : '');
}

// The index of the search: a lower-case text for each finding, made when it is
// first asked for.
let index = null;
function searchIndex() {
  if (!index) {
    index = findings.map(f => {
      const parts = [T[f.title], T[f.rule], severity(f), preview(f), T[f.info], T[f.note], f.fingerprint];
      for (const l of f.locations) parts.push(l.path + l.at, T[l.instruction], l.after, T[l.fateWords], l.fingerprint || '');
      return parts.join('\n').toLowerCase();
    });
  }
  return index;
}

function matches(f, i, without) {
  if (!info && aside(f)) return false;
  const places = [];
  for (const g of groups) {
    if (!g.on.size || g === without) continue;
    if (g.place) places.push(g);
    else if (!g.of(f).some(v => g.on.has(v))) return false;
  }
  // What is asked of a place has to hold for one and the same place.
  if (places.length && !f.locations.some(l => places.every(g => g.place(l, g.on)))) return false;
  return words.every(w => searchIndex()[i].includes(w));
}

let shown = [];   // indices of the findings that match
let from = 0, to = 0; // those of them that are in the page
const opened = new Set();

function select() {
  shown = [];
  for (let i = 0; i < findings.length; i++) if (matches(findings[i], i)) shown.push(i);
  from = to = 0;
  last = -1;
  list.replaceChildren();
  more();
  say();
  mark();
}

function say() {
  const all = findings.length - (info ? 0 : asideCount);
  let s = shown.length === all ? counted(all, 'finding') : number(shown.length) + ' of ' + counted(all, 'finding');
  if (!all) s = 'No findings';
  if (asideCount && !info) s += '; ' + asideWords + (asideCount === 1 ? ' is' : ' are') + ' hidden';
  count.textContent = s;
}

const moreButton = el('button', {type: 'button', class: 'more', hidden: true});
const earlierButton = el('button', {type: 'button', class: 'more', hidden: true});
list.after(moreButton);
list.before(earlierButton);
moreButton.addEventListener('click', () => { const i = to; more(); focusAt(i); });
earlierButton.addEventListener('click', () => { earlier(); });

function more(n = CHUNK) {
  const end = Math.min(shown.length, to + n), f = document.createDocumentFragment();
  for (; to < end; to++) f.append(row(to));
  list.append(f);
  edges();
}

function earlier(n = CHUNK) {
  const start = Math.max(0, from - n), f = document.createDocumentFragment();
  for (let i = start; i < from; i++) f.append(row(i));
  from = start;
  list.prepend(f);
  edges();
}

function edges() {
  moreButton.hidden = to >= shown.length;
  moreButton.textContent = 'Show more (' + number(shown.length - to) + ' left)';
  earlierButton.hidden = from === 0;
  earlierButton.textContent = 'Show earlier ones (' + number(from) + ')';
}

// What comes into sight is there before it is asked for.
if ('IntersectionObserver' in window) {
  new IntersectionObserver(es => { if (es.some(e => e.isIntersecting) && to < shown.length) more(); }, {rootMargin: '600px'}).observe(moreButton);
}

// --- a finding ---------------------------------------------------------------

// foremost is the place that stands for a finding: the first that the filters
// leave.
function foremost(f) {
  const places = groups.filter(g => g.place && g.on.size);
  return f.locations.find(l => places.every(g => g.place(l, g.on))) || f.locations[0];
}

function row(at) {
  const i = shown[at], f = findings[i], first = foremost(f), sev = severity(f);
  const where = el('span', {class: 'where'});
  if (first) {
    where.append(el('span', {class: 'path'}, first.before, el('b', {}, first.path, first.at), first.after));
    const also = [];
    if (data.images.length > 1) also.push('of ' + imageLabel(first.image));
    if (T[first.fateWords]) also.push(T[first.fateWords]);
    if (f.suppressed) also.push(T[first.suppressed]);
    if (f.locations.length > 1) also.push('and ' + counted(f.locations.length - 1, 'further place'));
    if (also.length) where.append(el('span', {class: 'dim'}, also.join(', ')));
  } else {
    where.append('not recorded');
  }
  const head = el('button', {type: 'button', class: 'head', 'aria-expanded': 'false', 'aria-controls': 'body-' + i},
    el('span', {class: 'sev ' + sev}, harmless(f) ? 'harmless' : sev),
    el('span', {class: 'what'},
      el('span', {class: 'title'}, T[f.title] || T[f.rule]), ' ',
      el('code', {class: 'preview'}, preview(f))),
    el('span', {class: 'rule'}, T[f.rule], T[f.confidence] === 'high' ? '' : ', ' + T[f.confidence] + ' confidence'),
    where);
  head.addEventListener('click', () => toggle(i, !opened.has(i)));
  const article = el('article', {class: 'finding ' + sev + (f.suppressed ? ' suppressed' : ''), id: f.id, 'aria-posinset': at + 1, 'aria-setsize': shown.length, 'data-i': i},
    el('h3', {}, head), el('div', {class: 'body', id: 'body-' + i, hidden: true}));
  if (opened.has(i)) expand(article, i, true);
  return article;
}

const articleOf = i => list.querySelector('[data-i="' + i + '"]');

function toggle(i, open) {
  if (open) opened.add(i); else opened.delete(i);
  const article = articleOf(i);
  if (article) expand(article, i, open);
}

function expand(article, i, open) {
  const body = article.lastElementChild;
  if (open && !body.firstChild) fill(body, findings[i]);
  body.hidden = !open;
  article.classList.toggle('open', open);
  article.firstElementChild.firstElementChild.setAttribute('aria-expanded', String(open));
}

function fill(body, f) {
  const rows = el('dl');
  const add = (name, ...value) => rows.append(el('dt', {}, name), el('dd', {}, ...value));
  if (T[f.description]) body.append(el('p', {class: 'about'}, T[f.description]));
  if (T[f.info]) add('harmless', T[f.info]);
  if (T[f.note]) add('note', T[f.note]);
  add('rated', (severity(f) === 'unrated' ? 'unrated' : severity(f) + ' severity') + ', ' + T[f.confidence] + ' confidence' + (f.leak ? '; a leak' : f.suppressed ? '; suppressed' : harmless(f) ? '; no leak' : '; below the threshold, no leak'));
  const places = el('ol', {class: 'places'});
  for (const l of f.locations.slice(0, PLACES)) places.append(place(f, l));
  add(f.locations.length > 1 ? counted(f.locations.length, 'place') : 'where', f.locations.length ? places : 'not recorded');
  if (f.locations.length > PLACES) {
    const all = el('button', {type: 'button', class: 'small rest'}, 'Show all ' + counted(f.locations.length, 'place'));
    all.addEventListener('click', () => {
      for (const l of f.locations.slice(PLACES)) places.append(place(f, l));
      all.remove();
    });
    places.after(all);
  }
  if (T[f.fix]) add('fix', T[f.fix]);
  if (T[f.revoke]) add('revoke', T[f.revoke]);
  if (f.fingerprint) {
    add('id', el('span', {class: 'line'}, el('code', {}, f.fingerprint), copier(f.fingerprint, 'fingerprint'),
      el('a', {class: 'small', href: '#' + encodeURIComponent(f.id)}, 'link')));
  }
  body.append(rows);
}

function place(f, l) {
  const li = el('li', {}, el('p', {class: 'path'}, l.before, el('b', {}, l.path, l.at), l.after,
    data.images.length > 1 ? el('span', {class: 'dim'}, ' of ' + imageLabel(l.image)) : ''));
  if (T[l.instruction]) li.append(el('p', {class: 'instruction'}, el('code', {}, T[l.instruction])));
  if (T[l.fateSays]) li.append(el('p', {class: 'fate ' + T[l.fate]}, T[l.fateSays]));
  if (T[l.suppressed]) li.append(el('p', {}, T[l.suppressed]));
  if (T[l.diffID]) li.append(el('p', {class: 'digest'}, 'diffID ', T[l.diffID]));
  if (T[l.digest]) li.append(el('p', {class: 'digest'}, 'blob ', T[l.digest]));
  if (l.extract) li.append(el('p', {class: 'see'}, el('span', {class: 'dim'}, 'see it'), el('code', {}, l.extract), copier(l.extract, 'command')));
  if (l.fingerprint) li.append(el('p', {class: 'digest'}, 'id ', l.fingerprint));
  return li;
}

const live = el('p', {class: 'unseen', role: 'status', 'aria-live': 'polite'});
document.body.append(live);

function copier(text, what) {
  const b = el('button', {type: 'button', class: 'small', 'aria-label': 'Copy the ' + what}, 'copy');
  b.addEventListener('click', () => {
    const done = ok => {
      b.textContent = ok ? 'copied' : 'not copied';
      live.textContent = ok ? 'The ' + what + ' was copied' : 'The browser did not let the ' + what + ' be copied';
      setTimeout(() => { b.textContent = 'copy'; live.textContent = ''; }, 1500);
    };
    if (navigator.clipboard) navigator.clipboard.writeText(text).then(() => done(true), () => done(copyOld(text, b)));
    else done(copyOld(text, b));
  });
  return b;
}

// copyOld is for browsers that give a page from a file no clipboard.
function copyOld(text, back) {
  const area = el('textarea', {class: 'unseen', 'aria-hidden': 'true'});
  area.value = text;
  document.body.append(area);
  area.select();
  let ok = false;
  try { ok = document.execCommand('copy'); } catch (e) { ok = false; }
  area.remove();
  back.focus();
  return ok;
}

// --- filters -----------------------------------------------------------------

const search = el('input', {type: 'search', id: 'search', placeholder: 'Search path, rule, key, instruction, fingerprint', autocomplete: 'off', spellcheck: 'false', 'aria-label': 'Search the findings', 'aria-keyshortcuts': '/'});
const chips = []; // {g, v, e, n, late}

function build() {
  const clear = el('button', {type: 'button', id: 'clear'}, 'Clear filters');
  clear.addEventListener('click', () => { reset(); changed(); search.focus(); });
  const bar = el('div', {class: 'bar'}, search, clear);
  if (asideCount) {
    const box = el('input', {type: 'checkbox', id: 'info'});
    box.addEventListener('change', () => { info = box.checked; changed(); });
    bar.append(el('label', {class: 'switch'}, box, ' show ' + asideWords));
  }
  controls.append(bar);
  const filters = el('div', {class: 'filters'});
  for (const g of groups) {
    if (g.strip) continue;
    const n = new Map(); // a value: how many findings have it, and how many that count
    for (const f of findings) for (const v of new Set(g.of(f))) {
      const c = n.get(v) || {all: 0, bad: 0};
      c.all++;
      if (!aside(f)) c.bad++;
      n.set(v, c);
    }
    if (g.key === 'severity') n.delete('info'); // has a switch of its own
    if (n.size < 2) continue;
    const place = v => g.order && g.order.includes(v) ? g.order.indexOf(v) : 99;
    const values = [...n.keys()].sort((a, b) => place(a) - place(b) || n.get(b).bad - n.get(a).bad || n.get(b).all - n.get(a).all || (a < b ? -1 : 1));
    const box = el('div', {class: 'chips', role: 'group', 'aria-label': 'by ' + g.name}, el('span', {class: 'label', 'aria-hidden': 'true'}, g.name));
    values.forEach((v, k) => box.append(chip(g, v, g.word ? g.word(v) : v, n.get(v), k >= CHIPS)));
    if (values.length > CHIPS) {
      const rest = g.rest = el('button', {type: 'button', class: 'chip rest', 'aria-expanded': 'false'});
      rest.addEventListener('click', () => {
        const late = chips.filter(c => c.g === g && c.late);
        for (const c of late) c.late = false;
        mark();
        rest.remove();
        const next = late.find(c => !c.e.hidden);
        if (next) next.e.focus();
      });
      box.insertBefore(rest, box.children[CHIPS + 1]);
    }
    filters.append(box);
  }
  filters.append(el('div', {class: 'chips', role: 'group', 'aria-label': 'by layer', id: 'layers-on', hidden: true}));
  controls.append(filters, el('p', {class: 'keys dim'}, el('kbd', {}, '/'), ' search ', el('kbd', {}, 'j'), ' ', el('kbd', {}, 'k'), ' next, previous ', el('kbd', {}, 'Enter'), ' open'));
  controls.hidden = !findings.length;
  let due = 0;
  search.addEventListener('input', () => { clearTimeout(due); due = setTimeout(() => { query = search.value; changed(); }, 80); });
  strips();
}

function chip(g, v, word, n, late) {
  const e = el('button', {type: 'button', class: 'chip' + (g.key === 'severity' ? ' dot ' + v : ''), 'aria-pressed': 'false', hidden: late}, el('span', {}, word), ' ', el('span', {class: 'n'}));
  e.addEventListener('click', () => flip(g, v));
  chips.push({g, v, e, n, late});
  return e;
}

function flip(g, v) {
  if (!g.on.delete(v)) g.on.add(v);
  changed();
}

function reset() {
  for (const g of groups) g.on.clear();
  query = search.value = '';
}

// changed is called where a person changed a filter: it shows what is left and
// keeps the filters in the address.
function changed() {
  prepare();
  select();
  const p = new URLSearchParams();
  if (query) p.set('q', query);
  for (const g of groups) for (const v of g.on) p.append(g.key, v);
  if (info !== data.all) p.set('harmless', info ? 'shown' : 'hidden');
  const s = p.toString();
  try { history.replaceState(null, '', s ? '#?' + s : '#'); } catch (e) { /* an address that may not be changed */ }
}

function prepare() { words = query.toLowerCase().split(/\s+/).filter(Boolean); }

// mark shows in the controls which filters are on.
function mark() {
  const late = new Map(); // a group: how many of its values wait behind its button
  for (const c of chips) {
    const on = c.g.on.has(c.v);
    c.e.setAttribute('aria-pressed', String(on));
    const n = info ? c.n.all : c.n.bad;
    c.e.lastElementChild.textContent = number(n);
    c.e.hidden = (c.late || !n) && !on;
    if (c.late && n && !on) late.set(c.g, (late.get(c.g) || 0) + 1);
  }
  for (const g of groups) if (g.rest) {
    g.rest.hidden = !late.has(g);
    g.rest.textContent = number(late.get(g) || 0) + ' more';
  }
  for (const b of document.querySelectorAll('.block')) b.setAttribute('aria-pressed', String(layers.on.has(b.dataset.key)));
  const box = byId('layers-on');
  box.hidden = !layers.on.size;
  box.replaceChildren(el('span', {class: 'label', 'aria-hidden': 'true'}, 'layer'));
  for (const v of layers.on) {
    const e = el('button', {type: 'button', class: 'chip', 'aria-pressed': 'true'}, layerWords(v), ' \u00d7');
    e.addEventListener('click', () => { flip(layers, v); count.focus(); });
    box.append(e);
  }
  byId('clear').hidden = !query && groups.every(g => !g.on.size);
  const i = byId('info');
  if (i) i.checked = info;
  if (search.value !== query) search.value = query;
}
const layers = groups[groups.length - 1];

// --- layers ------------------------------------------------------------------

let perLayer = null;
function layerCounts() {
  if (!perLayer) {
    perLayer = new Map();
    for (const f of findings) for (const k of new Set(f.locations.map(layerKey))) {
      const c = perLayer.get(k) || {all: 0, bad: 0};
      c.all++;
      if (!aside(f)) c.bad++;
      perLayer.set(k, c);
    }
  }
  return perLayer;
}

// The layers of an image are made when they are first looked at.
function strips() {
  for (const d of document.querySelectorAll('details.image')) {
    const show = () => { if (d.open && !d.querySelector('.strip')) d.append(strip(+d.dataset.image)); };
    d.addEventListener('toggle', () => { show(); mark(); });
    show();
  }
}

function strip(i) {
  const ol = el('ol', {class: 'strip', 'aria-label': 'Layers, the lowest first'});
  for (const l of data.images[i].layers) ol.append(block(i, String(l.n), 'layer ' + l.n, l));
  for (const k of ['0', '-1']) if (layerCounts().has(i + '.' + k)) ol.append(block(i, k, k === '0' ? 'unknown layer' : 'not in a layer', null));
  return ol;
}

function block(image, layer, name, l) {
  const key = image + '.' + layer, c = layerCounts().get(key) || {all: 0, bad: 0};
  let found = 'no findings';
  if (c.bad) found = counted(c.bad, 'finding');
  else if (l && !l.read) found = 'NOT READ';
  else if (c.all) found = number(c.all) + ' not counted';
  const b = el('button', {type: 'button', class: 'block' + (c.bad ? ' hot' : '') + (l && !l.read ? ' unread' : ''), 'aria-pressed': 'false', 'data-key': key},
    el('span', {class: 'name'}, name, el('span', {class: 'n'}, found)),
    el('span', {class: 'made'}, l ? l.instruction || 'instruction not recorded' : layer === '-1' ? 'ENV, LABEL, history, annotations and attestations' : 'blobs whose place is not known'),
    l ? el('span', {class: 'size'}, [l.size, l.read ? l.files : '', l.codec === 'none' ? 'uncompressed' : l.codec || ''].filter(Boolean).join(', ') + (c.bad && !l.read ? '; NOT READ to its end' : '')) : '');
  if (l) {
    const bar = el('span', {class: 'share', 'aria-hidden': 'true'}), fill = el('span');
    fill.style.width = Math.max(l.share, 1) + '%';
    bar.append(fill);
    b.append(bar);
  }
  b.title = l ? l.instruction || '' : '';
  b.addEventListener('click', () => flip(layers, key));
  return el('li', {}, b);
}

// --- addresses and keys ------------------------------------------------------

// go shows what the address names: #?… filters, or #id a finding.
function go() {
  const hash = location.hash.slice(1);
  if (hash.startsWith('?')) {
    const p = new URLSearchParams(hash.slice(1));
    reset();
    query = p.get('q') || '';
    for (const g of groups) for (const v of p.getAll(g.key)) g.on.add(v);
    info = p.has('harmless') ? p.get('harmless') === 'shown' : data.all;
    prepare();
    select();
    return;
  }
  let id = hash;
  try { id = decodeURIComponent(hash); } catch (e) { /* taken as it is */ }
  let i = findings.findIndex(f => f.id === id);
  if (i < 0 && id) i = findings.findIndex(f => f.locations.some(l => l.fingerprint === id));
  if (i < 0) {
    if (!shown.length) select();
    return;
  }
  if (aside(findings[i])) info = true;
  if (!matches(findings[i], i)) { reset(); prepare(); }
  opened.add(i);
  select();
  const at = shown.indexOf(i);
  if (at >= to) {
    // Far down: begin a little above it.
    list.replaceChildren();
    from = to = Math.max(0, at - 3);
    more();
  }
  const article = articleOf(i);
  const look = () => {
    article.scrollIntoView({block: 'start'});
    article.querySelector('.head').focus({preventScroll: true});
  };
  look();
  // A browser that follows the address itself, once the page is loaded, takes
  // the focus away.
  if (document.readyState !== 'complete') window.addEventListener('load', () => setTimeout(look), {once: true});
}

function focusAt(at) {
  const a = list.children[at - from];
  if (!a) return false;
  const b = a.querySelector('.head');
  b.focus({preventScroll: true});
  a.scrollIntoView({block: 'nearest'});
  return true;
}

let last = -1; // the finding that was focused last, by its place in shown
list.addEventListener('focusin', e => {
  const a = e.target.closest('article');
  if (a) last = shown.indexOf(+a.dataset.i);
});

function step(by) {
  const a = document.activeElement.closest('article');
  let at = a ? shown.indexOf(+a.dataset.i) + by : last < 0 || last >= shown.length ? from : last + by;
  at = Math.min(Math.max(at, 0), shown.length - 1);
  while (at >= to && to < shown.length) more();
  while (at < from && from > 0) earlier();
  focusAt(at);
}

document.addEventListener('keydown', e => {
  if (e.ctrlKey || e.metaKey || e.altKey) return;
  const typing = /^(INPUT|TEXTAREA|SELECT)$/.test(e.target.tagName) && e.target.type !== 'checkbox';
  if (typing) {
    if (e.key === 'Escape') e.target.blur();
    return;
  }
  switch (e.key) {
  case '/': if (controls.hidden) return; search.focus(); search.select(); break;
  case 'j': step(1); break;
  case 'k': step(-1); break;
  default: return;
  }
  e.preventDefault();
});

// On paper everything that matches is there, and open.
let before = null;
window.addEventListener('beforeprint', () => {
  before = new Set(opened);
  earlier(from);
  more(shown.length);
  for (const d of document.querySelectorAll('details.image')) { d.dataset.was = d.open; d.open = true; if (!d.querySelector('.strip')) d.append(strip(+d.dataset.image)); }
  for (const a of list.children) expand(a, +a.dataset.i, true);
  for (const b of list.querySelectorAll('.places + .rest')) b.click();
});
window.addEventListener('afterprint', () => {
  if (!before) return;
  for (const a of list.children) expand(a, +a.dataset.i, before.has(+a.dataset.i));
  for (const d of document.querySelectorAll('details.image')) d.open = d.dataset.was === 'true';
  before = null;
});

count.tabIndex = -1;
build();
window.addEventListener('hashchange', go);
go();
})();

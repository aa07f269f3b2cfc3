// After what was begun by the page has come to its end, well or not.
addEventListener('load', () => setTimeout(() => {
  'use strict';
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const tip = document.getElementById('tip');
  const look = (plot, number, plots) => {
    const who = plot.previousElementSibling;
    const seen = {
      name: who.querySelector('b').textContent,
      depth: Number(who.style.getPropertyValue('--depth')),
      width: 0, right: 0, tip: '',
    };
    const life = plot.querySelector('.life');
    if (life) {
      const box = life.getBoundingClientRect();
      seen.width = box.width;
      seen.right = box.right + scrollX;
      const at = { clientX: box.left + box.width / 2, clientY: box.top + 1, bubbles: true };
      // Of many only some, since each is a layout of all.
      if (plots.length > 100 && number % 100 !== 0) return seen;
      plot.dispatchEvent(new PointerEvent('pointermove', at));
      seen.tip = tip.hidden ? '' : [...tip.childNodes].map(line => line.textContent).join('\n');
    }
    return seen;
  };
  // The relative luminance of a colour, as WCAG defines it.
  const luminance = colour => {
    const [r, g, b] = colour.match(/[\d.]+/g).map(Number).map(part => part / 255)
      .map(part => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const style = getComputedStyle(document.body);
  const said = document.createElement('pre');
  said.id = 'said';
  const seen = {
    rows: all('.row .plot').map(look),
    lines: all('.report tbody tr').length,
    marks: all('.bars use').map(mark => mark.getAttribute('href').slice(1)),
    drains: all('.grid .drain').length,
    width: Math.max(innerWidth, document.documentElement.scrollWidth),
    paper: luminance(style.backgroundColor),
    ink: luminance(style.color),
    busy: getComputedStyle(document.querySelector('.busy')).fill,
    requests: performance.getEntriesByType('resource').length,
    fooled: document.title === 'fooled' || all('img').length > 0,
    problems,
  };
  said.textContent = JSON.stringify(seen);
  document.body.append(said);
}));

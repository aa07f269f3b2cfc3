// Shows what is under the cursor. Without it the page lacks nothing but that.
(() => {
  'use strict';
  const data = JSON.parse(document.getElementById('data').textContent);
  const tip = document.getElementById('tip');
  const cursor = document.querySelector('.cursor');

  // Two tooltips are one too many: the drawn one takes the place of the browser's.
  for (const title of document.querySelectorAll('.bars > title')) {
    title.parentNode.setAttribute('aria-label', title.textContent);
    title.remove();
  }

  const momentAt = place => {
    const [from, to, left, right] = data.scale.find(s => place <= s[3]) || data.scale.at(-1);
    return from + (place - left) / (right - left) * (to - from);
  };
  const placeOf = moment => {
    const [from, to, left, right] = data.scale.find(s => moment <= s[1]) || data.scale.at(-1);
    return left + (moment - from) / (to - from) * (right - left);
  };
  const count = n => n.toLocaleString('en-US');
  const two = n => String(Math.floor(n)).padStart(2, '0');
  const time = us => {
    const s = us / 1e6;
    if (us < 1) return '0 s';
    if (us < 1e3) return `${us.toFixed(0)} µs`;
    if (us < 1e6) return `${(us / 1e3).toFixed(us < 1e4 ? 2 : us < 1e5 ? 1 : 0)} ms`;
    if (s < 60) return `${s.toFixed(s < 10 ? 2 : 1)} s`;
    if (s < 3600) return `${Math.floor(s / 60)} min ${two(s % 60)} s`;
    if (s < 86400) return `${Math.floor(s / 3600)} h ${two(s / 60 % 60)} min`;
    return `${Math.floor(s / 86400)} d ${two(s / 3600 % 24)} h`;
  };
  // A moment is told as exactly as the page can show it.
  const clock = us => us < 6e7 ? `${(us / 1e6).toFixed(us < 1e6 ? 4 : 3)} s` : time(us);
  const upTo = (list, moment) => {
    let low = 0, high = list.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (list[middle][0] <= moment) low = middle + 1; else high = middle;
    }
    return list[low - 1];
  };

  // The lines of the tooltip, for a row and a moment.
  const lines = (row, moment) => {
    if (!row.life) return ['its times were not kept'];
    const [began, ended] = row.life;
    if (moment < began) return [`begins at ${clock(began)}`];
    if (moment > ended) return [`${row.ended} at ${clock(ended)}, having lived ${time(ended - began)}`];
    const told = [];
    const span = upTo(row.spans, moment);
    if (span) {
      const [from, to, kind, words] = span;
      const what = (words === -1 ? 'mostly ' : '') + data.kinds[kind] + (words >= 0 ? `: ${data.words[words]}` : '');
      told.push(what, `${clock(from)} – ${clock(to)}: ${time(to - from)}`);
    } else {
      told.push(`${clock(began)} – ${clock(ended)}: ${time(ended - began)}`);
    }
    if (row.turn !== undefined && moment >= row.turn) {
      const late = row.task || !row.late ? '' : `, ${count(row.late)} handled while draining`;
      told.push(`its turn: ${clock(row.turn)} – ${clock(ended)}: ${time(ended - row.turn)}${late}`);
    }
    const point = upTo(row.points, moment);
    if (point && !row.task) told.push(`${count(point[1])} queued, ${count(point[2])} handled`);
    const near = row.marks.filter(mark => Math.abs(placeOf(mark[0]) - placeOf(moment)) < 0.6);
    for (const [at, text] of near.slice(0, 4)) told.push(`${clock(at)}: ${data.words[text]}`);
    if (near.length > 4) told.push(`and ${near.length - 4} more`);
    return told;
  };

  const hide = () => { tip.hidden = cursor.hidden = true; };
  const show = (plot, moment, y) => {
    const row = data.rows[plot.dataset.row];
    const name = document.createElement('b');
    name.textContent = row.name;
    tip.replaceChildren(name, ...lines(row, moment).map(line => {
      const div = document.createElement('div');
      div.textContent = line;
      return div;
    }));
    const box = plot.getBoundingClientRect();
    const x = box.left + placeOf(moment) / 100 * box.width;
    tip.hidden = cursor.hidden = false;
    cursor.style.left = `${x - cursor.parentNode.getBoundingClientRect().left}px`;
    const right = x + 14 + tip.offsetWidth > innerWidth;
    tip.style.left = `${Math.max(4, right ? x - 14 - tip.offsetWidth : x + 14)}px`;
    tip.style.top = `${Math.max(4, Math.min(y + 16, innerHeight - tip.offsetHeight - 4))}px`;
  };

  for (const plot of document.querySelectorAll('.row .plot')) {
    const row = data.rows[plot.dataset.row];
    plot.addEventListener('pointermove', event => {
      const box = plot.getBoundingClientRect();
      const place = Math.min(100, Math.max(0, (event.clientX - box.left) / box.width * 100));
      show(plot, momentAt(place), event.clientY);
    });
    plot.addEventListener('pointerleave', hide);

    // With the keyboard, from one thing that it did to the next.
    let at = 0;
    const step = by => {
      const stops = row.spans.length ? row.spans : [row.life || [0]];
      at = Math.min(stops.length - 1, Math.max(0, at + by));
      show(plot, stops[at][0], plot.getBoundingClientRect().bottom - 16);
    };
    const bars = plot.firstElementChild;
    bars.addEventListener('focus', () => { if (bars.matches(':focus-visible')) step(0); });
    bars.addEventListener('blur', hide);
    bars.addEventListener('keydown', event => {
      if (event.key === 'Escape') hide();
      const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (by) { event.preventDefault(); step(by); }
    });
  }
  addEventListener('scroll', hide, { passive: true });
})();

//! What the script needs to show the figures under the cursor: JSON, with moments in microseconds.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::super::rows::{Picture, Row};
use super::super::scale::Scale;
use super::super::text::quoted;
use super::super::track::Kind;
use super::coarse::Grain;

pub(super) fn write(
    f: &mut fmt::Formatter<'_>,
    picture: &Picture,
    scale: &Scale,
    grain: Grain,
) -> fmt::Result {
    f.write_str("{\"scale\":")?;
    list(f, &scale.stretches, |f, s| {
        write!(f, "[{},{},{:.3},{:.3}]", micros(s.from), micros(s.to), s.left, s.right)
    })?;
    f.write_str(",\"kinds\":")?;
    list(f, &Kind::ALL, |f, kind| f.write_str(&quoted(kind.name())))?;
    let mut words = Words::default();
    f.write_str(",\n\"rows\":")?;
    list(f, &picture.rows, |f, row| write_row(f, row, scale, grain, &mut words))?;
    f.write_str(",\n\"words\":")?;
    list(f, &words.all, |f, words| f.write_str(&quoted(words)))?;
    f.write_str("}")
}

fn write_row(
    f: &mut fmt::Formatter<'_>,
    row: &Row,
    scale: &Scale,
    grain: Grain,
    words: &mut Words,
) -> fmt::Result {
    let line = &row.line;
    write!(f, "\n{{\"name\":{},\"ended\":{}", quoted(&line.name), quoted(&row.ended()))?;
    write!(f, ",\"task\":{},\"late\":{}", line.is_task, line.handled_while_draining)?;
    if let Some((from, to)) = row.life {
        write!(f, ",\"life\":[{},{}]", micros(from), micros(to))?;
    }
    if let Some(turn) = row.turn {
        write!(f, ",\"turn\":{}", micros(turn))?;
    }
    f.write_str(",\"spans\":")?;
    list(f, &grain.pieces(&row.spans, scale), |f, piece| {
        let span = &piece.span;
        let said = span.words.as_ref().filter(|_| !piece.is_mixed).map(|said| words.number(said));
        write!(f, "[{},{},{}", micros(span.from), micros(span.to), span.kind as u8)?;
        match (said, piece.is_mixed) {
            (Some(said), _) => write!(f, ",{said}]"),
            (None, true) => f.write_str(",-1]"),
            (None, false) => f.write_str("]"),
        }
    })?;
    f.write_str(",\"points\":")?;
    list(f, &grain.points(&row.points, scale), |f, point| {
        write!(f, "[{},{},{}]", micros(point.at), point.queued, point.handled)
    })?;
    f.write_str(",\"marks\":")?;
    list(f, &row.marks, |f, mark| {
        write!(f, "[{},{}]", micros(mark.at), words.number(&mark.text.as_str().into()))
    })?;
    f.write_str("}")
}

fn list<T>(
    f: &mut fmt::Formatter<'_>,
    items: &[T],
    mut write: impl FnMut(&mut fmt::Formatter<'_>, &T) -> fmt::Result,
) -> fmt::Result {
    f.write_str("[")?;
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            f.write_str(",")?;
        }
        write(f, item)?;
    }
    f.write_str("]")
}

fn micros(at: Duration) -> u128 {
    at.as_micros()
}

/// Texts, each of them once.
#[derive(Default)]
struct Words {
    all: Vec<Arc<str>>,
    numbers: BTreeMap<Arc<str>, usize>,
}

impl Words {
    fn number(&mut self, words: &Arc<str>) -> usize {
        *self.numbers.entry(Arc::clone(words)).or_insert_with(|| {
            self.all.push(Arc::clone(words));
            self.all.len() - 1
        })
    }
}

//! What is narrower than one can see is drawn together. Pure.

use std::time::Duration;

use super::super::rows::{Point, Span};
use super::super::scale::Scale;
use super::super::track::Kind;

/// What one can see: about two pixels of a wide page, in hundredths of it.
const FINEST: f64 = 0.2;

/// About so many bars, and so many points, there are in a file; so that one of a thousand rows still opens.
const PIECES: f64 = 60_000.0;

/// How narrow a piece may be, in hundredths of the page.
#[derive(Clone, Copy, Debug)]
pub(super) struct Grain(f64);

/// What is drawn as one bar.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Piece {
    pub(super) span: Span,
    pub(super) left: f64,
    pub(super) width: f64,
    /// Whether it is of several kinds, of which this one took the longest.
    pub(super) is_mixed: bool,
}

impl Grain {
    /// For so many rows.
    pub(super) fn of(rows: usize) -> Grain {
        Grain(FINEST.max(100.0 * rows as f64 / PIECES))
    }

    /// What is wide enough is drawn as it is; of what is not, so much together as is.
    pub(super) fn pieces(self, spans: &[Span], scale: &Scale) -> Vec<Piece> {
        let mut pieces: Vec<Piece> = Vec::new();
        let mut narrow: Vec<&Span> = Vec::new();
        for span in spans {
            if scale.place(span.to) - scale.place(span.from) >= self.0 {
                close(&mut pieces, &mut narrow, scale);
                add(&mut pieces, span.clone(), false, scale);
                continue;
            }
            narrow.push(span);
            if scale.place(span.to) - scale.place(narrow[0].from) >= self.0 {
                close(&mut pieces, &mut narrow, scale);
            }
        }
        close(&mut pieces, &mut narrow, scale);
        pieces
    }

    /// One point for each place that can be told from the next, with the fullest queue that there was.
    pub(super) fn points(self, points: &[Point], scale: &Scale) -> Vec<Point> {
        let cell = |point: &Point| (scale.place(point.at) / self.0) as u64;
        let mut coarse: Vec<Point> = Vec::new();
        for &point in points {
            match coarse.last_mut() {
                Some(last) if cell(last) == cell(&point) => {
                    last.queued = last.queued.max(point.queued);
                    last.handled = point.handled;
                }
                _ => coarse.push(point),
            }
        }
        coarse
    }
}

/// Draws together what has gathered.
fn close(pieces: &mut Vec<Piece>, narrow: &mut Vec<&Span>, scale: &Scale) {
    let (Some(&first), Some(&last)) = (narrow.first(), narrow.last()) else { return };
    let time_of = |kind: Kind| -> Duration {
        narrow.iter().filter(|span| span.kind == kind).map(|span| span.to - span.from).sum()
    };
    let kind = Kind::ALL.into_iter().max_by_key(|&kind| time_of(kind)).unwrap_or(first.kind);
    let is_mixed = narrow.iter().any(|span| span.kind != kind);
    let words = narrow.iter().find(|span| span.kind == kind).and_then(|span| span.words.clone());
    add(pieces, Span { from: first.from, to: last.to, kind, words }, is_mixed, scale);
    narrow.clear();
}

fn add(pieces: &mut Vec<Piece>, span: Span, is_mixed: bool, scale: &Scale) {
    if let Some(last) = pieces.last_mut() {
        let is_like = last.span.kind == span.kind && last.span.words == span.words;
        if is_like && last.is_mixed == is_mixed {
            last.span.to = span.to;
            last.width = scale.place(span.to) - last.left;
            return;
        }
    }
    let left = scale.place(span.from);
    let width = scale.place(span.to) - left;
    pieces.push(Piece { span, left, width, is_mixed });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timeline::props::ms;

    fn span(from: u64, to: u64, kind: Kind) -> Span {
        Span { from: ms(from), to: ms(to), kind, words: None }
    }

    #[test]
    fn what_can_be_seen_is_drawn_as_it_is() {
        let scale = Scale::new(ms(1_000), None);
        let spans =
            [span(0, 300, Kind::Idle), span(300, 310, Kind::Busy), span(310, 900, Kind::Idle)];
        let pieces = Grain::of(5).pieces(&spans, &scale);
        assert_eq!(pieces.iter().map(|piece| piece.span.clone()).collect::<Vec<_>>(), spans);
        assert!(pieces.iter().all(|piece| !piece.is_mixed));
        assert!((pieces[1].left - 30.0).abs() < 1e-9 && (pieces[1].width - 1.0).abs() < 1e-9);
    }

    #[test]
    fn what_is_too_narrow_is_drawn_together() {
        let scale = Scale::new(ms(100_000), None);
        let kind = |at| if at % 4 == 0 { Kind::Idle } else { Kind::Busy };
        let spans: Vec<Span> = (0..100_000).map(|at| span(at, at + 1, kind(at))).collect();
        let pieces = Grain::of(5).pieces(&spans, &scale);
        assert!(pieces.len() <= 501, "{} pieces", pieces.len());
        assert!(pieces.iter().all(|piece| piece.span.kind == Kind::Busy && piece.is_mixed));
        let ends = (pieces[0].span.from, pieces[pieces.len() - 1].span.to);
        assert_eq!(ends, (ms(0), ms(100_000)));
        let width: f64 = pieces.iter().map(|piece| piece.width).sum();
        assert!((width - 100.0).abs() < 1e-6, "{width}");
    }

    #[test]
    fn many_rows_are_drawn_coarser() {
        let scale = Scale::new(ms(100_000), None);
        let points: Vec<Point> = (0..100_000)
            .map(|at| Point { at: ms(at), queued: usize::from(at == 777) * 9, handled: at })
            .collect();
        for (rows, most) in [(1, 501), (1_000, 61)] {
            let coarse = Grain::of(rows).points(&points, &scale);
            assert!(coarse.len() <= most, "{} points", coarse.len());
            assert_eq!(coarse.iter().map(|point| point.queued).max(), Some(9));
            assert_eq!(coarse.last().map(|point| point.handled), Some(99_999));
        }
    }
}

//! One look over all vectors: int8 with a scale each, in one piece of memory.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::thread;

/// From this many vectors on, two threads share them.
const SHARED: usize = 20_000;

/// Vectors in the order of their ids.
#[derive(Default)]
pub(super) struct Buffer {
    dims: usize,
    ids: Vec<i64>,
    roots: Vec<i64>,
    scales: Vec<f32>,
    values: Vec<i8>,
}

impl Buffer {
    /// Drops what is not in `there` (ids in order), and returns the first id that is missing here. From that id on
    /// everything is dropped, so that what follows can be pushed.
    pub(super) fn keep(&mut self, there: &[(i64, i64)]) -> Option<i64> {
        let missing = there.iter().map(|(id, _)| *id).find(|id| self.ids.binary_search(id).is_err());
        let mut to = 0;
        for from in 0..self.ids.len() {
            let id = self.ids[from];
            let stays = missing.is_none_or(|missing| id < missing)
                && there.binary_search_by_key(&id, |(id, _)| *id).is_ok();
            if stays {
                self.ids[to] = id;
                self.roots[to] = self.roots[from];
                self.scales[to] = self.scales[from];
                self.values.copy_within(from * self.dims..(from + 1) * self.dims, to * self.dims);
                to += 1;
            }
        }
        self.ids.truncate(to);
        self.roots.truncate(to);
        self.scales.truncate(to);
        self.values.truncate(to * self.dims);
        missing
    }

    /// Adds a vector with a higher id than all others. One of another width is of another model, and left out.
    pub(super) fn push(&mut self, id: i64, root: i64, vector: &[f32]) {
        if self.ids.is_empty() {
            self.dims = vector.len();
        }
        if vector.len() != self.dims || self.ids.last().is_some_and(|last| *last >= id) {
            return;
        }
        let (scale, values) = quantise(vector);
        self.ids.push(id);
        self.roots.push(root);
        self.scales.push(scale);
        self.values.extend(values);
    }

    /// Ids of the nearest vectors, as far as int8 tells.
    pub(super) fn nearest(&self, query: &[f32], count: usize, root: Option<i64>) -> Vec<i64> {
        if query.len() != self.dims || self.dims == 0 {
            return Vec::new();
        }
        let (_, query) = quantise(query);
        let query: Vec<i8> = query.collect();
        let half = if self.ids.len() < SHARED { self.ids.len() } else { self.ids.len() / 2 };
        let mut best = thread::scope(|scope| {
            let rest = (half < self.ids.len())
                .then(|| scope.spawn(|| self.best(&query, half..self.ids.len(), count, root)));
            let mut best = self.best(&query, 0..half, count, root);
            best.extend(rest.and_then(|rest| rest.join().ok()).unwrap_or_default());
            best
        });
        best.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        best.into_iter().take(count).map(|(_, id)| id).collect()
    }

    fn best(
        &self,
        query: &[i8],
        range: std::ops::Range<usize>,
        count: usize,
        root: Option<i64>,
    ) -> Vec<(f32, i64)> {
        let mut heap: BinaryHeap<Reverse<(Score, i64)>> = BinaryHeap::with_capacity(count + 1);
        let rows = self.values[range.start * self.dims..range.end * self.dims].chunks_exact(self.dims);
        for (n, row) in range.zip(rows) {
            if root.is_some_and(|root| root != self.roots[n]) {
                continue;
            }
            let score = Score(dot_i8(query, row) as f32 * self.scales[n]);
            if heap.len() < count {
                heap.push(Reverse((score, self.ids[n])));
            } else if heap.peek().is_some_and(|Reverse((least, _))| score > *least) {
                heap.pop();
                heap.push(Reverse((score, self.ids[n])));
            }
        }
        heap.into_iter().map(|Reverse((score, id))| (score.0, id)).collect()
    }
}

/// A score in the order of numbers.
#[derive(PartialEq)]
struct Score(f32);

impl Eq for Score {}

impl PartialOrd for Score {
    fn partial_cmp(&self, other: &Score) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Score {
    fn cmp(&self, other: &Score) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}

/// The scale, and the values from -127 to 127 that give the vector when they are multiplied with it.
fn quantise(vector: &[f32]) -> (f32, impl Iterator<Item = i8>) {
    let largest = vector.iter().fold(0f32, |most, x| most.max(x.abs()));
    let scale = if largest > 0.0 && largest.is_finite() { largest / 127.0 } else { 1.0 };
    (scale, vector.iter().map(move |x| (x / scale).round() as i8))
}

/// Written so that the compiler makes vector instructions of it: products fit i16 pairs that are added as i32.
fn dot_i8(a: &[i8], b: &[i8]) -> i32 {
    let (a, a_rest) = a.as_chunks::<16>();
    let (b, b_rest) = b.as_chunks::<16>();
    let mut sum = 0;
    for (a, b) in a.iter().zip(b) {
        for i in 0..16 {
            sum += i32::from(i16::from(a[i]) * i16::from(b[i]));
        }
    }
    sum + a_rest.iter().zip(b_rest).map(|(a, b)| i32::from(*a) * i32::from(*b)).sum::<i32>()
}

/// Product of two vectors; 0 for vectors of different width.
pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
    if a.len() != b.len() { 0.0 } else { a.iter().zip(b).map(|(a, b)| a * b).sum() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vector(seed: u64) -> Vec<f32> {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 40) as f32 / (1 << 23) as f32 - 1.0
        };
        let raw: Vec<f32> = (0..37).map(|_| next()).collect();
        let length = dot(&raw, &raw).sqrt();
        raw.into_iter().map(|x| x / length).collect()
    }

    fn buffer(ids: std::ops::Range<i64>) -> Buffer {
        let mut buffer = Buffer::default();
        ids.for_each(|id| buffer.push(id, id % 2, &vector(id as u64)));
        buffer
    }

    #[test]
    fn nearest_is_what_a_plain_search_finds() {
        for count in [300, 30_000] {
            let buffer = buffer(1..count);
            for query in 0..10 {
                let query = vector(1_000_000 + query);
                let mut plain: Vec<(f32, i64)> =
                    (1..count).map(|id| (dot(&query, &vector(id as u64)), id)).collect();
                plain.sort_by(|a, b| b.0.total_cmp(&a.0));
                let found = buffer.nearest(&query, 40, None);
                assert!(plain[..10].iter().all(|(_, id)| found.contains(id)), "of {count}");
                assert!(buffer.nearest(&query, 40, Some(1)).iter().all(|id| id % 2 == 1));
            }
        }
    }

    #[test]
    fn what_is_gone_is_dropped_and_what_is_new_is_asked_for() {
        let mut buffer = buffer(1..10);
        let there: Vec<(i64, i64)> = (1..15).filter(|id| *id != 4).map(|id| (id, 0)).collect();
        assert_eq!(buffer.keep(&there), Some(10));
        assert_eq!(buffer.ids, [1, 2, 3, 5, 6, 7, 8, 9]);
        assert_eq!(buffer.nearest(&vector(7), 1, None), [7]);
        assert_eq!(buffer.keep(&[(2, 0), (3, 0), (5, 0)]), None);
        assert_eq!(buffer.ids, [2, 3, 5]);
        assert_eq!(buffer.keep(&[(1, 0), (3, 0)]), Some(1));
        assert!(buffer.ids.is_empty());
    }

    #[test]
    fn odd_vectors_do_no_harm() {
        let mut buffer = Buffer::default();
        buffer.push(1, 0, &[0.0; 4]);
        buffer.push(2, 0, &[f32::NAN; 4]);
        buffer.push(3, 0, &[1.0; 5]);
        assert_eq!(buffer.nearest(&[1.0, 0.0, 0.0, 0.0], 9, None), [1, 2]);
        assert!(buffer.nearest(&[1.0], 9, None).is_empty());
    }
}

//! A ring of a bounded number of bytes: what is new comes in, what is old goes out, and what went unseen is counted.
//!
//! It never grows beyond its bound, never blocks whoever fills it, and never loses anything silently: [`Ring::drain`]
//! gives back what is there together with how much was dropped before it.

use std::collections::VecDeque;

/// A ring. An item counts as many bytes as its owner says.
#[derive(Debug)]
pub struct Ring<T> {
    items: VecDeque<(usize, T)>,
    bytes: usize,
    bound: usize,
    dropped: u64,
}

/// What came out of a ring.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drained<T> {
    /// The items, the oldest first.
    pub items: Vec<T>,
    /// How many were dropped, all older than these, since the ring was last drained.
    pub dropped: u64,
}

impl<T> Ring<T> {
    /// An empty ring that holds so many bytes.
    pub const fn new(bound: usize) -> Self {
        Self { items: VecDeque::new(), bytes: 0, bound, dropped: 0 }
    }

    /// Takes an item in; the oldest ones make room for it. One that is larger than the whole ring is dropped itself.
    pub fn push(&mut self, bytes: usize, item: T) {
        if bytes > self.bound {
            self.dropped += 1;
            return;
        }
        while self.bytes + bytes > self.bound {
            let Some((oldest, _)) = self.items.pop_front() else { break };
            self.bytes -= oldest;
            self.dropped += 1;
        }
        self.bytes += bytes;
        self.items.push_back((bytes, item));
    }

    /// Takes everything out.
    pub fn drain(&mut self) -> Drained<T> {
        self.bytes = 0;
        let items = self.items.drain(..).map(|(_, item)| item).collect();
        Drained { items, dropped: std::mem::take(&mut self.dropped) }
    }

    /// The items that are there, the oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &T> + ExactSizeIterator {
        self.items.iter().map(|(_, item)| item)
    }

    /// The item so many after the oldest.
    pub fn get(&self, index: usize) -> Option<&T> {
        self.items.get(index).map(|(_, item)| item)
    }

    /// How many items are there.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether nothing is there and nothing was dropped unseen.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty() && self.dropped == 0
    }

    /// How many bytes its items count.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many items were dropped since it was last drained.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_make_room_and_are_counted() {
        let mut ring = Ring::new(10);
        for (bytes, item) in [(4, 'a'), (4, 'b'), (4, 'c')] {
            ring.push(bytes, item);
        }
        assert_eq!((ring.len(), ring.bytes(), ring.dropped()), (2, 8, 1));
        assert_eq!(ring.drain(), Drained { items: vec!['b', 'c'], dropped: 1 });
        assert_eq!(ring.drain(), Drained { items: vec![], dropped: 0 });
    }

    #[test]
    fn what_is_larger_than_the_ring_is_dropped_and_drops_nothing_else() {
        let mut ring = Ring::new(10);
        ring.push(4, 'a');
        ring.push(11, 'b');
        assert_eq!(ring.drain(), Drained { items: vec!['a'], dropped: 1 });
    }

    proptest::proptest! {
        #[test]
        fn it_stays_in_its_bound_and_every_item_is_seen_or_counted(
            sizes in proptest::collection::vec(0..30_usize, 0..200),
            bound in 0..100_usize,
        ) {
            let mut ring = Ring::new(bound);
            for (item, bytes) in sizes.iter().enumerate() {
                ring.push(*bytes, item);
                proptest::prop_assert!(ring.bytes() <= bound);
            }
            let drained = ring.drain();
            proptest::prop_assert_eq!(drained.items.len() as u64 + drained.dropped, sizes.len() as u64);
            proptest::prop_assert!(drained.items.is_sorted());
        }
    }
}

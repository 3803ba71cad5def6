//! Memory that several threads write at once, each its own part.

use crate::Tensor;
use std::marker::PhantomData;
use std::ops::Range;

/// A mutable slice that can be handed out in pieces.
pub(super) struct Parts<'a, T> {
    ptr: *mut T,
    len: usize,
    lifetime: PhantomData<&'a mut [T]>,
}

impl<'a, T> Parts<'a, T> {
    pub(super) fn new(slice: &'a mut [T]) -> Self {
        Parts { ptr: slice.as_mut_ptr(), len: slice.len(), lifetime: PhantomData }
    }

    /// The elements of `range`.
    ///
    /// # Safety
    /// No two pieces that are alive at the same time overlap.
    ///
    /// # Panics
    /// When `range` is out of bounds.
    #[allow(clippy::mut_from_ref, reason = "disjointness is the caller's promise")]
    pub(super) unsafe fn slice(&self, range: Range<usize>) -> &mut [T] {
        assert!(range.start <= range.end && range.end <= self.len, "{range:?} of {}", self.len);
        // SAFETY: in bounds, exclusive by the caller's promise, alive as long as the borrow behind `self`.
        unsafe { std::slice::from_raw_parts_mut(self.ptr.add(range.start), range.len()) }
    }
}

impl<'a> Parts<'a, f32> {
    pub(super) fn of(tensor: &'a mut Tensor) -> Self {
        Parts::new(tensor.as_mut_slice())
    }
}

// SAFETY: pieces are exclusive, so this is like sending `&mut [T]` pieces to other threads.
unsafe impl<T: Send> Send for Parts<'_, T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Parts<'_, T> {}

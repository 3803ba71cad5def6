//! Where numbers live: aligned heap memory, and files mapped read-only.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::fs::File;
use std::ops::{Deref, DerefMut, Range};
use std::sync::Arc;

/// Shared read-only bytes: a mapped file or heap memory, or a part of either.
#[derive(Clone)]
pub struct Bytes {
    owner: Arc<Owner>,
    range: Range<usize>,
}

enum Owner {
    Mapped(memmap2::Mmap),
    Heap(AlignedBuf<u8>),
}

impl Bytes {
    /// Maps a whole file read-only.
    ///
    /// The file must not be shortened while it is mapped: reading a page that is gone ends the process. hone
    /// maps only files of its own model folder, which are replaced by rename and never rewritten.
    pub fn map(file: &File) -> std::io::Result<Self> {
        // SAFETY: the mapping is read-only and private to this process; see above for the file's part.
        let map = unsafe { memmap2::Mmap::map(file)? };
        let range = 0..map.len();
        Ok(Bytes { owner: Arc::new(Owner::Mapped(map)), range })
    }

    /// A 64-byte aligned copy of `bytes`.
    pub fn copy(bytes: &[u8]) -> Self {
        let mut heap = AlignedBuf::zeroed(bytes.len());
        heap.copy_from_slice(bytes);
        Bytes { owner: Arc::new(Owner::Heap(heap)), range: 0..bytes.len() }
    }

    /// A part that shares the memory, or `None` where it is out of bounds.
    pub fn slice(&self, range: Range<usize>) -> Option<Self> {
        if range.start > range.end || range.end > self.range.len() {
            return None;
        }
        let range = self.range.start + range.start..self.range.start + range.end;
        Some(Bytes { owner: self.owner.clone(), range })
    }
}

impl Deref for Bytes {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        let all: &[u8] = match &*self.owner {
            Owner::Mapped(map) => map,
            Owner::Heap(heap) => heap,
        };
        &all[self.range.clone()]
    }
}

impl std::fmt::Debug for Bytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Bytes({})", self.len())
    }
}

/// Zero-initialised heap memory on a cache-line boundary.
pub struct AlignedBuf<T: bytemuck::Pod> {
    ptr: *mut T,
    len: usize,
}

const ALIGN: usize = 64;

impl<T: bytemuck::Pod> AlignedBuf<T> {
    /// `len` zeros.
    pub fn zeroed(len: usize) -> Self {
        if len == 0 {
            return Self::default();
        }
        let layout = Self::layout(len);
        // SAFETY: the layout has a non-zero size.
        let ptr = unsafe { alloc_zeroed(layout) }.cast::<T>();
        if ptr.is_null() {
            handle_alloc_error(layout);
        }
        AlignedBuf { ptr, len }
    }

    /// The memory itself. Writing through it takes the exclusive right to the written elements.
    pub(crate) fn as_ptr_mut(&self) -> *mut T {
        self.ptr
    }

    fn layout(len: usize) -> Layout {
        Layout::array::<T>(len)
            .and_then(|l| l.align_to(ALIGN))
            .expect("a buffer that memory could hold has a valid layout")
    }
}

impl<T: bytemuck::Pod> Default for AlignedBuf<T> {
    fn default() -> Self {
        AlignedBuf { ptr: std::ptr::NonNull::dangling().as_ptr(), len: 0 }
    }
}

impl<T: bytemuck::Pod> Drop for AlignedBuf<T> {
    fn drop(&mut self) {
        if self.len > 0 {
            // SAFETY: allocated in `zeroed` with this very layout, freed once.
            unsafe { dealloc(self.ptr.cast(), Self::layout(self.len)) }
        }
    }
}

impl<T: bytemuck::Pod> Deref for AlignedBuf<T> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        // SAFETY: `ptr` holds `len` initialised values (zeros are valid for Pod) for as long as `self` lives.
        unsafe { std::slice::from_raw_parts(self.ptr, self.len) }
    }
}

impl<T: bytemuck::Pod> DerefMut for AlignedBuf<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as in `deref`, and `&mut self` makes the access exclusive.
        unsafe { std::slice::from_raw_parts_mut(self.ptr, self.len) }
    }
}

impl<T: bytemuck::Pod> std::fmt::Debug for AlignedBuf<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "AlignedBuf({})", self.len)
    }
}

// SAFETY: the buffer owns plain data and has no interior mutability.
unsafe impl<T: bytemuck::Pod + Send> Send for AlignedBuf<T> {}
// SAFETY: as above.
unsafe impl<T: bytemuck::Pod + Sync> Sync for AlignedBuf<T> {}

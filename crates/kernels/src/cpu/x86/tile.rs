//! Matrix tiles (AMX): C += A · B on 16 x 16 blocks, bf16 in, f32 out.
//!
//! The standard library's tile intrinsics are not stable, so the few instructions stand here as assembly.
//! A tile is 16 rows of 64 bytes. `A` is 16 weight rows of 32 bf16; `B` is 16 pairs of k, each with 16 tokens
//! of 2 bf16; `C` is 16 weight rows of 16 tokens in f32.

use std::arch::asm;

/// Rows of a tile, and columns of `C`.
pub(super) const TILE: usize = 16;
/// Elements of k in one tile of bf16.
pub(super) const DEPTH: usize = 32;
/// bf16 numbers in one tile.
pub(super) const TILE_LEN: usize = TILE * DEPTH;

/// Holds the tile registers of this thread configured while it lives.
pub(super) struct Tiles(());

#[repr(C, align(64))]
struct TileConfig {
    palette: u8,
    start_row: u8,
    reserved: [u8; 14],
    columns: [u16; 16],
    rows: [u8; 16],
}

const CONFIG: TileConfig = {
    let mut config =
        TileConfig { palette: 1, start_row: 0, reserved: [0; 14], columns: [0; 16], rows: [0; 16] };
    let mut i = 0;
    while i < 8 {
        config.columns[i] = 64;
        config.rows[i] = 16;
        i += 1;
    }
    config
};

impl Tiles {
    /// Eight tiles of 16 x 64 bytes.
    ///
    /// # Safety
    /// The processor has AMX with bf16 and the system has granted the use of it.
    pub(super) unsafe fn configure() -> Self {
        // SAFETY: the caller's; the operand is a valid 64-byte configuration.
        unsafe { asm!("ldtilecfg [{}]", in(reg) &CONFIG, options(nostack, readonly, preserves_flags)) };
        Tiles(())
    }

    /// `C[i][j] += A[i] · B[j]` for `i, j` in 0..2, over `depth` consecutive tiles of each operand.
    /// Without `add`, C starts at zero. C[i][j] is 16 x 16 f32, row-major.
    ///
    /// # Safety
    /// `a` and `b` point to `depth` tiles each, `c` to one tile each that nobody else uses.
    pub(super) unsafe fn multiply(
        &self,
        a: [*const u16; 2],
        b: [*const u16; 2],
        depth: usize,
        c: [[*mut f32; 2]; 2],
        add: bool,
    ) {
        // SAFETY: the caller's. Tile registers are used nowhere else between `configure` and drop.
        unsafe {
            if add {
                asm!(
                    "tileloadd tmm0, [{c00} + {row}]",
                    "tileloadd tmm1, [{c01} + {row}]",
                    "tileloadd tmm2, [{c10} + {row}]",
                    "tileloadd tmm3, [{c11} + {row}]",
                    c00 = in(reg) c[0][0], c01 = in(reg) c[0][1], c10 = in(reg) c[1][0], c11 = in(reg) c[1][1],
                    row = in(reg) 64usize, options(nostack, readonly, preserves_flags));
            } else {
                asm!(
                    "tilezero tmm0",
                    "tilezero tmm1",
                    "tilezero tmm2",
                    "tilezero tmm3",
                    options(nostack, nomem, preserves_flags)
                );
            }
            asm!(
                "2:",
                "tileloadd tmm4, [{a0} + {row}]",
                "tileloadd tmm6, [{b0} + {row}]",
                "tdpbf16ps tmm0, tmm4, tmm6",
                "tileloadd tmm7, [{b1} + {row}]",
                "tdpbf16ps tmm1, tmm4, tmm7",
                "tileloadd tmm5, [{a1} + {row}]",
                "tdpbf16ps tmm2, tmm5, tmm6",
                "tdpbf16ps tmm3, tmm5, tmm7",
                "add {a0}, 1024", "add {a1}, 1024", "add {b0}, 1024", "add {b1}, 1024",
                "dec {depth}",
                "jnz 2b",
                a0 = inout(reg) a[0] => _, a1 = inout(reg) a[1] => _,
                b0 = inout(reg) b[0] => _, b1 = inout(reg) b[1] => _,
                depth = inout(reg) depth => _, row = in(reg) 64usize,
                options(nostack, readonly));
            asm!(
                "tilestored [{c00} + {row}], tmm0",
                "tilestored [{c01} + {row}], tmm1",
                "tilestored [{c10} + {row}], tmm2",
                "tilestored [{c11} + {row}], tmm3",
                c00 = in(reg) c[0][0], c01 = in(reg) c[0][1], c10 = in(reg) c[1][0], c11 = in(reg) c[1][1],
                row = in(reg) 64usize, options(nostack, preserves_flags));
        }
    }
}

impl Drop for Tiles {
    fn drop(&mut self) {
        // SAFETY: the registers were configured by this thread; releasing them keeps context switches cheap.
        unsafe { asm!("tilerelease", options(nostack, nomem, preserves_flags)) }
    }
}

//! What can this processor do? Asked at run time, so that one binary serves every machine.

/// A set of instructions that kernels are written for, in rising order of preference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Isa {
    /// Plain Rust.
    Portable,
    /// x86-64: AVX2, FMA and F16C (2013 and later).
    Avx2,
    /// x86-64: AVX-512 F, BW, DQ, VL and VNNI.
    Avx512,
    /// x86-64: the above, and AMX tiles for 8-bit integers and bf16.
    Amx,
    /// arm64: Advanced SIMD, which every such processor has.
    Neon,
    /// arm64: the above, and `sdot` (Apple M1).
    Dotprod,
    /// arm64: the above, and `smmla` (Apple M2 and later).
    I8mm,
}

impl Isa {
    /// Every set that this processor has, the best last.
    pub fn available() -> Vec<Isa> {
        const ALL: [Isa; 7] =
            [Isa::Portable, Isa::Avx2, Isa::Avx512, Isa::Amx, Isa::Neon, Isa::Dotprod, Isa::I8mm];
        ALL.into_iter().filter(|isa| isa.is_available()).collect()
    }

    /// The best set that this processor has.
    pub fn best() -> Isa {
        Isa::available().pop().unwrap_or(Isa::Portable)
    }

    /// Whether this processor, and the system it runs, can execute the set.
    pub fn is_available(self) -> bool {
        arch::available(self)
    }

    /// As people write it: `avx512`.
    pub const fn name(self) -> &'static str {
        match self {
            Isa::Portable => "portable",
            Isa::Avx2 => "avx2",
            Isa::Avx512 => "avx512",
            Isa::Amx => "amx",
            Isa::Neon => "neon",
            Isa::Dotprod => "dotprod",
            Isa::I8mm => "i8mm",
        }
    }
}

impl std::fmt::Display for Isa {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl std::str::FromStr for Isa {
    type Err = UnknownIsa;
    fn from_str(s: &str) -> Result<Isa, UnknownIsa> {
        match s {
            "portable" => Ok(Isa::Portable),
            "avx2" => Ok(Isa::Avx2),
            "avx512" => Ok(Isa::Avx512),
            "amx" => Ok(Isa::Amx),
            "neon" => Ok(Isa::Neon),
            "dotprod" => Ok(Isa::Dotprod),
            "i8mm" => Ok(Isa::I8mm),
            _ => Err(UnknownIsa(s.to_owned())),
        }
    }
}

/// A name that is no instruction set.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("no instruction set is called {0:?}; use portable, avx2, avx512, amx, neon, dotprod or i8mm")]
pub struct UnknownIsa(pub String);

/// Names of the features of this processor that kernels make use of, for people.
pub fn features() -> Vec<&'static str> {
    arch::features()
}

/// Threads that are worth computing with: the fast cores that this process may use, each counted once.
/// Two threads of one core share the units that multiply, and a slow core makes the fast ones wait.
pub fn cores() -> usize {
    let usable = std::thread::available_parallelism().map_or(1, |n| n.get());
    system::fast_cores().unwrap_or(usable).clamp(1, usable)
}

#[cfg(target_os = "linux")]
mod system {
    use std::collections::HashSet;

    /// Cores with their hardware threads counted as one.
    pub(super) fn fast_cores() -> Option<usize> {
        let siblings = |entry: std::fs::DirEntry| {
            std::fs::read_to_string(entry.path().join("topology/thread_siblings_list")).ok()
        };
        let entries = std::fs::read_dir("/sys/devices/system/cpu").ok()?;
        let cores: HashSet<String> = entries.flatten().filter_map(siblings).collect();
        (!cores.is_empty()).then_some(cores.len())
    }
}

#[cfg(target_os = "macos")]
mod system {
    /// Performance cores.
    pub(super) fn fast_cores() -> Option<usize> {
        let (mut count, mut size) = (0i32, size_of::<i32>());
        let name = c"hw.perflevel0.physicalcpu".as_ptr();
        // SAFETY: the name ends with a zero, and `count` has the `size` bytes that are written.
        let failed =
            unsafe { libc::sysctlbyname(name, (&raw mut count).cast(), &mut size, std::ptr::null_mut(), 0) };
        (failed == 0).then_some(count as usize)
    }
}

#[cfg(not(any(target_os = "linux", target_os = "macos")))]
mod system {
    pub(super) fn fast_cores() -> Option<usize> {
        None
    }
}

#[cfg(target_arch = "x86_64")]
mod arch {
    use super::Isa;
    use std::arch::is_x86_feature_detected as has;

    pub(super) fn available(isa: Isa) -> bool {
        let avx2 = has!("avx2") && has!("fma") && has!("f16c");
        let avx512 = avx2
            && has!("avx512f")
            && has!("avx512bw")
            && has!("avx512dq")
            && has!("avx512vl")
            && has!("avx512vnni");
        match isa {
            Isa::Portable => true,
            Isa::Avx2 => avx2,
            Isa::Avx512 => avx512,
            Isa::Amx => avx512 && has!("avx512bf16") && tiles(),
            Isa::Neon | Isa::Dotprod | Isa::I8mm => false,
        }
    }

    pub(super) fn features() -> Vec<&'static str> {
        let flags = [
            ("avx2", has!("avx2")),
            ("fma", has!("fma")),
            ("f16c", has!("f16c")),
            ("avx512f", has!("avx512f")),
            ("avx512bw", has!("avx512bw")),
            ("avx512dq", has!("avx512dq")),
            ("avx512vl", has!("avx512vl")),
            ("avx512vnni", has!("avx512vnni")),
            ("avx512bf16", has!("avx512bf16")),
            ("amx-int8", tiles()),
            ("amx-bf16", tiles()),
        ];
        flags.into_iter().filter(|f| f.1).map(|f| f.0).collect()
    }

    /// Whether AMX with int8 and bf16 exists and the system lets this process use it.
    fn tiles() -> bool {
        static TILES: std::sync::LazyLock<bool> =
            std::sync::LazyLock::new(|| processor_has_tiles() && request_tiles());
        *TILES
    }

    /// CPUID leaf 7, EDX: bit 22 AMX-BF16, 24 AMX-TILE, 25 AMX-INT8.
    fn processor_has_tiles() -> bool {
        use std::arch::x86_64::{__cpuid, __cpuid_count};
        const BITS: u32 = 1 << 22 | 1 << 24 | 1 << 25;
        __cpuid(0).eax >= 7 && __cpuid_count(7, 0).edx & BITS == BITS
    }

    /// Linux saves tile registers only for processes that asked (`arch_prctl(2)`). Threads made later
    /// inherit the permission.
    #[cfg(target_os = "linux")]
    fn request_tiles() -> bool {
        const ARCH_REQ_XCOMP_PERM: libc::c_long = 0x1023;
        const XFEATURE_XTILEDATA: libc::c_long = 18;
        // SAFETY: this call takes two integers and touches no memory of ours.
        unsafe { libc::syscall(libc::SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0 }
    }

    #[cfg(not(target_os = "linux"))]
    fn request_tiles() -> bool {
        false
    }
}

#[cfg(target_arch = "aarch64")]
mod arch {
    use super::Isa;
    use std::arch::is_aarch64_feature_detected as has;

    pub(super) fn available(isa: Isa) -> bool {
        match isa {
            Isa::Portable | Isa::Neon => true,
            Isa::Dotprod => has!("dotprod"),
            Isa::I8mm => has!("dotprod") && has!("i8mm"),
            Isa::Avx2 | Isa::Avx512 | Isa::Amx => false,
        }
    }

    pub(super) fn features() -> Vec<&'static str> {
        let flags = [
            ("neon", true),
            ("fp16", has!("fp16")),
            ("dotprod", has!("dotprod")),
            ("i8mm", has!("i8mm")),
            ("bf16", has!("bf16")),
        ];
        flags.into_iter().filter(|f| f.1).map(|f| f.0).collect()
    }
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
mod arch {
    use super::Isa;

    pub(super) fn available(isa: Isa) -> bool {
        isa == Isa::Portable
    }

    pub(super) fn features() -> Vec<&'static str> {
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use super::Isa;

    #[test]
    fn names_are_read_back() {
        for isa in [Isa::Portable, Isa::Avx2, Isa::Avx512, Isa::Amx, Isa::Neon, Isa::Dotprod, Isa::I8mm] {
            assert_eq!(isa.name().parse(), Ok(isa));
        }
        assert!("sse9".parse::<Isa>().is_err());
    }

    #[test]
    fn there_are_cores_but_no_more_than_threads() {
        let cores = super::cores();
        assert!((1..=std::thread::available_parallelism().unwrap().get()).contains(&cores));
    }

    #[test]
    fn plain_rust_is_always_there_and_the_best_is_available() {
        assert_eq!(Isa::available()[0], Isa::Portable);
        assert!(Isa::best().is_available());
    }
}

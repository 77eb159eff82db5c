//! Which instructions a loop is compiled for, chosen when the program runs.

use std::sync::atomic::{AtomicU8, Ordering};

/// A set of vector instructions, from the one every CPU of the architecture has upwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Instructions {
    /// What the architecture guarantees: SSE2 on x86-64, NEON on ARM64.
    Portable = 1,
    /// x86-64 with AVX2 and FMA.
    Avx2 = 2,
    /// x86-64 with AVX-512 (F, BW, DQ, VL).
    Avx512 = 3,
}

/// 0 until the first question.
static CHOSEN: AtomicU8 = AtomicU8::new(0);

/// The instructions in use: the widest of this machine, unless [`limit`] said less.
#[inline]
pub fn instructions() -> Instructions {
    match CHOSEN.load(Ordering::Relaxed) {
        0 => choose(Instructions::Avx512),
        1 => Instructions::Portable,
        2 => Instructions::Avx2,
        _ => Instructions::Avx512,
    }
}

/// Uses no wider instructions than `most` from here on, in the whole process; for tests and
/// comparisons. Returns what is used now, which is less than `most` on a machine that lacks it.
///
/// Products of matrices choose their instructions themselves.
pub fn limit(most: Instructions) -> Instructions {
    choose(most)
}

fn choose(most: Instructions) -> Instructions {
    let chosen = widest().min(most);
    CHOSEN.store(chosen as u8, Ordering::Relaxed);
    chosen
}

#[cfg(target_arch = "x86_64")]
fn widest() -> Instructions {
    let avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
    let avx512 = is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512vl");
    match (avx2, avx512) {
        (true, true) => Instructions::Avx512,
        (true, false) => Instructions::Avx2,
        _ => Instructions::Portable,
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn widest() -> Instructions {
    Instructions::Portable
}

/// Defines functions whose loops are compiled once for each of [`Instructions`]; which copy runs is
/// decided at every call.
///
/// The functions must not be generic, and what they call in their loops must be
/// `#[inline(always)]`. All copies give the same bytes: rustc never contracts a product and a sum
/// into one rounding, and reorders no sums.
///
/// ```
/// latentlab_kernels::vectorised! {
///     /// Adds `source` to `target`.
///     fn add(target: &mut [f32], source: &[f32]) {
///         for (target, source) in target.iter_mut().zip(source) {
///             *target += source;
///         }
///     }
/// }
/// let mut target = [1.0, 2.0];
/// add(&mut target, &[0.5, 0.5]);
/// assert_eq!(target, [1.5, 2.5]);
/// ```
#[macro_export]
macro_rules! vectorised {
    ($(
        $(#[$attribute:meta])*
        $visibility:vis fn $name:ident($($argument:ident: $type:ty),* $(,)?) $(-> $result:ty)?
        $body:block
    )*) => {$(
        $(#[$attribute])*
        $visibility fn $name($($argument: $type),*) $(-> $result)? {
            #[inline(always)]
            #[allow(clippy::too_many_arguments)]
            fn portable($($argument: $type),*) $(-> $result)? $body

            #[cfg(target_arch = "x86_64")]
            {
                use $crate::{Instructions, instructions};

                #[target_feature(enable = "avx2,fma")]
                #[allow(clippy::too_many_arguments)]
                fn avx2($($argument: $type),*) $(-> $result)? {
                    portable($($argument),*)
                }

                #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
                #[allow(clippy::too_many_arguments)]
                fn avx512($($argument: $type),*) $(-> $result)? {
                    portable($($argument),*)
                }

                #[allow(unsafe_code, reason = "calling a function compiled for other instructions")]
                match instructions() {
                    // SAFETY: `instructions` names only what this CPU has.
                    Instructions::Avx512 => return unsafe { avx512($($argument),*) },
                    // SAFETY: as above.
                    Instructions::Avx2 => return unsafe { avx2($($argument),*) },
                    Instructions::Portable => {}
                }
            }
            portable($($argument),*)
        }
    )*};
}

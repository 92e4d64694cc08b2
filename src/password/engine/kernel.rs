//! The kernels that may be used: every one is checked against the bcrypt crate at the start, and one that gives another
//! result is never used.

use bcrypt_lanes::{Cost, Kernel, LaneCount, Lanes};

/// The configured choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum KernelChoice {
    /// The fastest on this machine.
    #[default]
    Auto,
    /// Assembly for x86-64.
    Bmi,
    /// Safe Rust.
    Portable,
    /// The bcrypt crate, one hash at a time.
    Crate,
}

/// The kernels of that choice that compute correct hashes. None at all means the bcrypt crate.
pub(super) fn checked(choice: KernelChoice) -> Vec<Kernel> {
    let wanted = |kernel: &Kernel| match choice {
        KernelChoice::Auto => true,
        KernelChoice::Bmi => kernel.name() == "bmi",
        KernelChoice::Portable => kernel.name() == "portable",
        KernelChoice::Crate => false,
    };
    let reference = reference();
    let mut kernels: Vec<_> = Kernel::available().filter(wanted).collect();
    if kernels.is_empty() && choice != KernelChoice::Crate {
        tracing::warn!(?choice, "this machine does not have the kernel that is configured");
        kernels.extend(Kernel::available());
    }
    kernels.retain(|kernel| {
        let right = is_right(*kernel, &reference);
        if !right {
            tracing::error!(%kernel, "a hashing kernel differs from bcrypt and is not used");
        }
        right
    });
    kernels
}

/// Passwords, salts and the bcrypt crate's results.
type Reference = Vec<([u8; 9], [u8; 16], [u8; 24])>;

fn reference() -> Reference {
    let case = |number: u8| {
        let (key, salt) = ([b'a' + number; 9], [number; 16]);
        let mut terminated = key.to_vec();
        terminated.push(0);
        (key, salt, bcrypt::bcrypt(Cost::MIN.get(), salt, &terminated))
    };
    (0..3).map(case).collect()
}

/// Whether `kernel` gives bcrypt's results with every number of lanes in use.
fn is_right(kernel: Kernel, reference: &Reference) -> bool {
    LaneCount::all().all(|lanes| {
        let mut running = Lanes::new(kernel, lanes);
        for (key, salt, expected) in reference.iter().cycle().take(lanes.get()) {
            if running.join(key, salt, Cost::MIN, *expected).is_err() {
                return false;
            }
        }
        let mut all_right = true;
        while !running.is_empty() {
            all_right &= running.step().all(|(expected, digest)| digest == expected);
        }
        all_right
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kernel_passes_the_check_and_a_wrong_result_does_not() {
        let kernels = checked(KernelChoice::Auto);
        assert_eq!(kernels.len(), Kernel::available().count());
        let mut reference = reference();
        reference[1].2[23] ^= 1;
        assert!(kernels.iter().all(|kernel| !is_right(*kernel, &reference)));
    }

    #[test]
    fn the_configuration_names_the_kernels() {
        let portable = checked(KernelChoice::Portable);
        assert!(portable.iter().all(|kernel| kernel.name() == "portable") && portable.len() == 1);
        assert!(checked(KernelChoice::Crate).is_empty());
    }
}

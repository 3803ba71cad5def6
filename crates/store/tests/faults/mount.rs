//! File systems of our own: an image on a loop device, and one in memory. Both need root.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A mounted file system, unmounted in the end.
pub(crate) struct Mount(PathBuf);

impl Mount {
    /// Mounts at `point`, which is made; the error says why that cannot be done here.
    pub(crate) fn new(args: &[&str], source: &Path, point: &Path) -> Result<Mount, String> {
        std::fs::create_dir_all(point).unwrap();
        let mut command = Command::new("mount");
        run(command.args(args).arg(source).arg(point))?;
        Ok(Mount(point.to_path_buf()))
    }

    /// A file system in memory of this size.
    pub(crate) fn memory(size: &str, point: &Path) -> Result<Mount, String> {
        Mount::new(&["-t", "tmpfs", "-o", size], Path::new("tmpfs"), point)
    }

    /// An image with an ext4 file system of this size in MiB, mounted.
    pub(crate) fn image(image: &Path, mib: u64, point: &Path) -> Result<Mount, String> {
        std::fs::File::create(image).unwrap().set_len(mib << 20).unwrap();
        run(Command::new("mkfs.ext4").args(["-q", "-F"]).arg(image))?;
        Mount::new(&["-o", "loop"], image, point)
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        if let Err(error) = run(Command::new("umount").arg(&self.0)) {
            println!("{error}");
        }
    }
}

/// Runs a program that must succeed.
pub(crate) fn run(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    let why = || format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr).trim());
    if output.status.success() { Ok(()) } else { Err(why()) }
}

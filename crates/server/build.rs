//! Compiles the server again when the UI that is embedded in it was built again.

fn main() {
    println!("cargo:rerun-if-changed=../../web/dist");
}

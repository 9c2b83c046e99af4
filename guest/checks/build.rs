//! Hands the linker the kernel's layout.

fn main() {
    let directory = std::env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
    println!("cargo::rerun-if-changed=kernel.ld");
    if std::env::var_os("CARGO_FEATURE_IMAGE").is_some() {
        println!("cargo::rustc-link-arg-bins=-T{directory}/kernel.ld");
        // A flat image, as `booti` and VMMs load it.
        println!("cargo::rustc-link-arg-bins=--oformat=binary");
    }
}

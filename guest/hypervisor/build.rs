//! Hands the linker the image's layout.

fn main() {
    let directory = std::env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
    println!("cargo::rerun-if-changed=image.ld");
    if std::env::var_os("CARGO_FEATURE_IMAGE").is_some() {
        println!("cargo::rustc-link-arg-bins=-T{directory}/image.ld");
    }
}

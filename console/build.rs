//! Has an optimised build embed the console that was built last. It never builds the console itself.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if std::env::var("PROFILE").is_ok_and(|profile| profile == "release") {
        // Where there is no such folder yet, cargo looks again each time.
        println!("cargo:rerun-if-changed=../web-ui/dist");
    }
}

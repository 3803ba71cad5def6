//! Prints what this machine could do at best: `cargo run --release -p kernels --example limits [THREADS]`.
#![allow(clippy::print_stdout, reason = "a program for the terminal")]

fn main() -> std::io::Result<()> {
    let threads = std::env::args().nth(1).and_then(|n| n.parse().ok());
    let threads = threads.unwrap_or(std::thread::available_parallelism()?.get());
    let limits = kernels::limits::measure(threads)?;
    println!("features   {}", kernels::detect::features().join(" "));
    println!("threads    {threads}");
    println!("int8       {:8.1} GMAC/s", limits.int8_gmacs);
    println!("bf16       {:8.1} GMAC/s", limits.bf16_gmacs.unwrap_or_default());
    println!("f32        {:8.1} GMAC/s", limits.f32_gmacs);
    println!("memory     {:8.1} GB/s", limits.memory_gbs);
    Ok(())
}

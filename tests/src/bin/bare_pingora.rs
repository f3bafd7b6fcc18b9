//! The bare Pingora proxy as a program, with the agent's allocator: `bare_pingora LISTEN UPSTREAM`.

use anyhow::Context as _;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let mut address = |what| {
        let text = arguments.next().with_context(|| format!("the {what} address is missing"))?;
        text.parse().with_context(|| format!("{text:?} is no {what} address"))
    };
    let (listen, upstream) = (address("listening")?, address("upstream")?);
    throughline_tests::bare::serve(listen, upstream)
}

//! Keeps the names of DNS answers as the Cilium agent does, and matches an address by the patterns of `toFQDNs`.
//!
//! ```console
//! $ cargo run --example dns_cache
//! at 0 s: 192.0.2.1 is www.example.com., which *.example.com matches
//! at 30 s: 192.0.2.1 has no name
//! ```

use core::error::Error;
use core::net::IpAddr;
use core::time::Duration;
use std::io::Write;

use palisade::{CacheLimits, DnsCache, DnsData, DnsRecord, FqdnPattern, Options, resolve_answer};

const POD: &str = "foo/sleep";

pub(crate) fn run(out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let options = Options::default();
    let pattern = FqdnPattern::new("*.example.com", &options)?;
    let address: IpAddr = "192.0.2.1".parse()?;

    // The answer section of a DNS message: an alias, then its address.
    let records = [
        DnsRecord { owner: "www.example.com.", ttl: 300, data: DnsData::Alias("edge.example.net.") },
        DnsRecord { owner: "edge.example.net.", ttl: 20, data: DnsData::Address(address) },
    ];
    let answer = resolve_answer("www.example.com", &records, options.cilium.version)?;
    let mut cache = DnsCache::new(CacheLimits::from(&options));
    let ttl = Duration::from_secs(answer.ttl.into());
    cache.record(POD, &answer.name, answer.addresses, ttl, 0);

    for seconds in [0, 30] {
        // The caller owns the clock: milliseconds from a start of its choice.
        cache.advance(seconds * 1000);
        let mut names = cache.names(address).filter(|name| pattern.matches(name));
        match names.next() {
            Some(name) => {
                writeln!(out, "at {seconds} s: {address} is {name}, which *.example.com matches")?;
            }
            None => writeln!(out, "at {seconds} s: {address} has no name")?,
        }
    }
    Ok(())
}

// The test of the examples calls `run`.
#[cfg(not(test))]
fn main() -> Result<(), Box<dyn Error>> {
    run(&mut std::io::stdout())
}

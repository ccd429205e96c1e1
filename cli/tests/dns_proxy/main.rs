//! The DNS proxy on the wire: the real binary between a real resolver and a real server, on loopback.

#[cfg(test)]
mod chain;
#[cfg(test)]
mod http;
#[cfg(test)]
mod messages;
#[cfg(test)]
mod proxy;
#[cfg(test)]
mod restart;
#[cfg(test)]
mod stalled;
#[cfg(test)]
mod upstream;

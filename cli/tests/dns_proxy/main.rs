//! The DNS proxy as a process between a resolver and a server on loopback.

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

//! The interface of the command for scripts: the binary with its streams and exit codes.

#[cfg(test)]
mod attachment;
#[cfg(test)]
mod bad_input;
#[cfg(test)]
mod bundle;
#[cfg(test)]
mod case_files;
#[cfg(test)]
mod check;
#[cfg(test)]
mod documents;
#[cfg(test)]
mod folder;
#[cfg(test)]
mod fqdn;
#[cfg(test)]
mod inexact;
#[cfg(test)]
mod links;
#[cfg(test)]
mod lint;
#[cfg(test)]
mod numbers;
#[cfg(test)]
mod pages;
#[cfg(test)]
mod peer;
#[cfg(test)]
mod timeline;
#[cfg(test)]
mod visible;
